import { define, response } from "@jelou/functions";

export default define({
  description: "Recibe avisos firmados, como los de GitHub y WhatsApp",
  // The sender of a webhook has no runtime token. The signature proves who it is.
  config: { methods: ["POST"], public: true, mcp: false },
  handler: async (_input, ctx, request) => {
    const secret = ctx.env.get("WEBHOOK_SECRET");
    if (!secret) throw new Error("The secret WEBHOOK_SECRET is not set");

    // The signature covers the raw bytes, so there is no `input` schema, which would parse the body.
    const body = await request.arrayBuffer();
    const signature = request.headers.get("X-Hub-Signature-256") ?? "";
    if (!await isSigned(body, signature, secret)) {
      return response.status(401).json({ error: "Firma no válida" });
    }

    const event = JSON.parse(new TextDecoder().decode(body));
    ctx.log("Aviso recibido", { evento: event.evento });
    return { recibido: event.evento };
  },
});

/** Checks a header `sha256=` with an HMAC in hexadecimal. The comparison takes constant time. */
async function isSigned(
  body: ArrayBuffer,
  signature: string,
  secret: string,
): Promise<boolean> {
  const [, hex] = /^sha256=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (hex === undefined) return false;
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const bytes = Uint8Array.from(
    hex.match(/../g)!,
    (pair) => parseInt(pair, 16),
  );
  return await crypto.subtle.verify("HMAC", key, bytes, body);
}
