/**
 * The server for the clients of the packages: a public function that returns the request.
 *
 * @module
 */
const BUCKETS = `<?xml version="1.0" encoding="UTF-8"?>
<ListAllMyBucketsResult><Owner><ID>1</ID><DisplayName>ana</DisplayName></Owner><Buckets>
<Bucket><Name>facturas</Name></Bucket><Bucket><Name>fotos</Name></Bucket>
</Buckets></ListAllMyBucketsResult>`;

const PARTS = ["Hola, ", "Ana"]
  .map((content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`);

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = await request.text();
    const headers = Object.fromEntries(request.headers);
    const seen = { method: request.method, path: pathname + search, headers, body };
    if (pathname === "/missing") return Response.json(seen, { status: 404 });
    // S3.
    if (search.includes("x-id=ListBuckets")) {
      return new Response(BUCKETS, { headers: { "content-type": "application/xml" } });
    }
    // DynamoDB.
    if (headers["x-amz-target"] !== undefined) {
      const signed = headers.authorization!;
      const Item = { total: { N: "10.5" }, asked: { S: body }, signed: { S: signed } };
      return Response.json({ Item }, { headers: { "content-type": "application/x-amz-json-1.0" } });
    }
    // A streamed completion of OpenAI.
    if (body.includes('"stream":true')) {
      return new Response([...PARTS, "data: [DONE]\n\n"].join(""), {
        headers: { "content-type": "text/event-stream" },
      });
    }
    // Slack and Telegram expect `ok`, and Google a token.
    return Response.json({ ok: true, result: seen, access_token: "abc", ...seen });
  },
};
