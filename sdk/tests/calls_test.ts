import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Calls, cancel, done, type Reply, request, text } from "./calls.ts";
import { Worker } from "./worker.ts";

const JSON_TYPE = { "content-type": "application/json" };

Deno.test("requests that come together are all answered, each with its own answer", async () => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", input: z.object({ n: z.number() }), handler: async ({ n }, ctx) => {
      await Promise.resolve();
      return { n, id: ctx.requestId };
    } });
  `);
  using calls = await Calls.open(worker);
  const numbers = [1, 2, 3, 4, 5].map((n) => n * 1000);
  const frames = numbers.map((n) =>
    request(n, { facts: { requestId: `id-${n}` }, headers: JSON_TYPE, body: JSON.stringify({ n }) })
  );
  await calls.send(...frames, request(9, { headers: JSON_TYPE, body: '{"n":"no"}' }));
  const replies: Reply[] = [];
  while (replies.length < 6) replies.push(await calls.next());
  for (const n of numbers) {
    const reply = replies.find(({ id }) => id === n)!;
    equal([reply.status, reply.head], [200, "content-type: application/json\n"]);
    equal(JSON.parse(text(reply)), { n, id: `id-${n}` });
  }
  const refused = replies.find(({ id }) => id === 9)!;
  same(refused.status, 400);
  match(text(refused), /^\{"error":"Validation failed"/);
});

Deno.test("a frame may come in pieces, and be longer than a buffer", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: ({ text }) => ({ length: text.length }) });
  `);
  using calls = await Calls.open(worker);
  const small = request(1, { headers: JSON_TYPE, body: '{"text":"ñ"}' });
  for (let at = 0; at < small.length; at++) await calls.send(small.subarray(at, at + 1));
  same(text(await calls.next()), '{"length":1}');
  const large = request(2, { headers: JSON_TYPE, body: JSON.stringify({ text: "x".repeat(300_000) }) });
  await calls.send(large, small);
  same(text(await calls.next()), '{"length":300000}');
  same(text(await calls.next()), '{"length":1}');
});

Deno.test("the handler sees the caller's request, and nothing of the platform's", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async (input, ctx, request) => ({
      input, query: ctx.query, path: ctx.path, method: request.method, url: request.url,
      one: request.headers.get("X-Twice"), none: request.headers.get("x-jelou-call"),
      latin: request.headers.get("x-latin"), has: request.headers.has("x-missing"),
      all: [...request.headers.keys()], bytes: [...await request.bytes()],
      instance: request instanceof Request && request.headers instanceof Headers,
    }) });
  `);
  using calls = await Calls.open(worker);
  const headers: [string, string][] = [
    ["content-type", "application/octet-stream"],
    ["x-twice", "a"],
    ["x-twice", "b"],
    ["x-latin", "\u00e9"],
  ];
  await calls.send(
    request(1, { method: "PUT", target: "/a?b=c", headers, body: Uint8Array.of(0, 255, 10) }),
    // The next request must not overwrite a body that has not been read yet.
    request(2, { method: "PUT", headers, body: Uint8Array.of(9, 9, 9) }),
  );
  equal(JSON.parse(text(await calls.next())), {
    query: { b: "c" },
    path: "/a",
    method: "PUT",
    url: "https://mi-funcion.fn.example.com/a?b=c",
    one: "a, b",
    none: null,
    latin: "\u00e9",
    has: false,
    all: ["content-type", "x-latin", "x-twice"],
    bytes: [0, 255, 10],
    instance: true,
  });
  equal(JSON.parse(text(await calls.next())).bytes, [9, 9, 9]);
});

Deno.test("a web Response made of text or bytes is at hand; one that streams is asked for over HTTP", async () => {
  await using worker = await Worker.serving(`
    import { define, response } from "@jelou/functions";
    const kinds = {
      text: () => new Response("text", { status: 201, headers: { "x-a": "1" } }),
      json: () => Response.json({ a: 1 }),
      bytes: () => new Response(new Uint8Array([1, 2])),
      nothing: () => new Response(null, { status: 204 }),
      builder: () => response.status(418).header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").text("té"),
      stream: () => new Response(new Blob(["streamed"]).stream(), { headers: { "x-b": "2" } }),
      blob: () => new Response(new Blob(["streamed"])),
      long: () => "x".repeat(70_000),
      headers: () => new Response("", { headers: { "x-long": "y".repeat(20_000) } }),
    };
    export default define({ description: "x", handler: ({ kind }) => kinds[kind]() });
  `);
  using calls = await Calls.open(worker);
  const call = async (kind: string) => {
    await calls.send(
      request(1, { facts: { requestId: kind }, headers: JSON_TYPE, body: JSON.stringify({ kind }) }),
    );
    return await calls.next();
  };
  const plain = async (kind: string) => {
    const { status, head, body } = await call(kind);
    return [status, head, new TextDecoder().decode(body)];
  };
  equal(await plain("text"), [201, "content-type: text/plain;charset=UTF-8\nx-a: 1\n", "text"]);
  equal(await plain("json"), [200, "content-type: application/json\n", '{"a":1}']);
  equal(await plain("bytes"), [200, "", "\x01\x02"]);
  equal(await plain("nothing"), [204, "", ""]);
  equal(await plain("builder"), [
    418,
    "content-type: text/plain; charset=utf-8\nset-cookie: a=1\nset-cookie: b=2\n",
    "té",
  ]);
  for (const kind of ["stream", "blob", "long", "headers"]) {
    same((await call(kind)).held, true, kind);
    const response = await worker.send("/", { headers: { "x-jelou-held": kind } });
    same(response.status, 200);
    if (kind === "stream") same(response.headers.get("x-b"), "2");
    if (kind === "stream" || kind === "blob") same(await response.text(), "streamed");
    else await response.body?.cancel();
    await calls.send(done(1));
    const again = await worker.send("/", { headers: { "x-jelou-held": kind } });
    equal([again.status, await again.text()], [503, '{"error":"Function unavailable"}'], kind);
  }
});

Deno.test("a response that cannot be sent is an internal error, in the log only", async () => {
  await using worker = await Worker.serving(`
    import { define, response } from "@jelou/functions";
    export default define({ description: "x", handler: async ({ kind }) => {
      if (kind === "error") return Response.error();
      if (kind === "early") return response.redirect("/", 103);
      if (kind === "none") return response.redirect("/", 1000);
      const used = new Response("x");
      await used.text();
      return used;
    } });
  `);
  using calls = await Calls.open(worker);
  for (const kind of ["error", "used", "early", "none"]) {
    await calls.send(request(1, { headers: JSON_TYPE, body: JSON.stringify({ kind }) }));
    const reply = await calls.next();
    equal([reply.status, text(reply)], [500, '{"error":"Internal function error"}']);
    same((await worker.nextLog()).level, "ERROR");
  }
});

Deno.test("a caller who goes away aborts the request, whatever has become of it", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    const open = new ReadableStream({ cancel: () => console.log("stream cancelled") });
    export default define({ description: "x", handler: async ({ kind }, ctx, request) => {
      request.signal.addEventListener("abort", () => console.log("aborted", kind));
      if (kind === "held") return new Response(open);
      if (kind === "waiting") await new Promise((resolve) => request.signal.addEventListener("abort", resolve));
      return kind;
    } });
  `);
  using calls = await Calls.open(worker);
  const call = (id: number, kind: string) =>
    request(id, {
      facts: { requestId: String(id) },
      headers: JSON_TYPE,
      body: JSON.stringify({ kind }),
    });
  await calls.send(call(1, "waiting"), cancel(1), cancel(77));
  equal((await worker.nextLog()).args, ["aborted", "waiting"]);
  await calls.send(call(2, "held"));
  equal(await calls.next().then(({ id, held }) => [id, held]), [2, true]);
  await calls.send(cancel(2));
  const logs = [await worker.nextLog(), await worker.nextLog()].map(({ args }) => args[0]).sort();
  equal(logs, ["aborted", "stream cancelled"]);
  // The cancelled call gets no answer, so the next answer belongs to the next call.
  await calls.send(call(3, "last"));
  equal(await calls.next().then((reply) => [reply.id, text(reply)]), [3, '"last"']);
});

Deno.test("answers come over a pipe to who asks for it, longer ones than it holds as well", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: ({ length }) => "x".repeat(length) });
  `);
  using calls = await Calls.openWithPipe(worker);
  using others = await Calls.open(worker);
  const call = (id: number, length: number) =>
    request(id, { headers: JSON_TYPE, body: JSON.stringify({ length }) });
  const lengths = [1, 60_000, 60_000, 60_000, 2];
  await calls.send(...lengths.map((length, id) => call(id, length)));
  await others.send(call(9, 3));
  for (const length of lengths) same(JSON.parse(text(await calls.next())).length, length);
  equal(await others.next().then((reply) => [reply.id, text(reply)]), [9, '"xxx"']);
});

Deno.test("a tool with an empty key is not taken for the default one", async () => {
  await using worker = await Worker.serving(`
    import { app, define } from "@jelou/functions";
    const tool = (name) => define({ name, description: name, handler: () => name });
    export default app({ tools: { "": tool("empty"), default: tool("usual") } });
  `);
  using calls = await Calls.open(worker);
  await calls.send(request(1, { facts: { tool: "" } }));
  same(text(await calls.next()), '"empty"');
  await calls.send(request(2));
  same(text(await calls.next()), '"usual"');
  const overHttp = await worker.invoke("/", {}, { tool: "" });
  same(await overHttp.json(), "empty");
  same(await (await worker.send("/")).json(), "usual");
});
