import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** A request that the platform's side of an egress socket received. */
interface Call {
  readonly method: string;
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** A real HTTP server on a unix socket, in place of the gateway. */
class Gateway implements AsyncDisposable {
  readonly calls: Call[] = [];
  readonly folder: string;
  readonly socket: string;
  readonly #server: Deno.HttpServer;

  constructor(answer: (call: Call, request: Request) => Response | Promise<Response>) {
    this.folder = Deno.makeTempDirSync({ prefix: "jelou-egress-" });
    this.socket = `${this.folder}/egress.sock`;
    this.#server = Deno.serve({ transport: "unix", path: this.socket, onListen() {} }, async (request) => {
      const call = {
        method: request.method,
        url: request.url,
        headers: Object.fromEntries(request.headers),
        body: request.headers.has("x-stream") ? "" : await request.text(),
      };
      this.calls.push(call);
      return await answer(call, request);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** A function that runs the code from its test. */
const running = (code: string) => `
  import { define, JelouApiError } from "@jelou/functions";
  const attempt = async (code) => { try { return await code(); } catch (e) { return { name: e.name, message: e.message }; } };
  export default define({ description: "x", handler: async (input, ctx, request) => { ${code} } });
`;

Deno.test("plain fetch calls another function with neither DNS nor TLS", async () => {
  await using gateway = new Gateway((call) => Response.json({ got: JSON.parse(call.body) }, { status: 201 }));
  await using worker = await Worker.serving(
    running(`
      const res = await fetch("https://otra-funcion.fn.localhost/a?b=1", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Jelou-Token": ctx.env.get("OTRA_FUNCION_TOKEN"),
          "X-Jelou-Parent": "forged", "x-jelou-identity": "forged", "X-Jelou-Deployment": "dep_1" },
        body: JSON.stringify({ dato: input.valor }),
      });
      return { status: res.status, body: await res.json(), url: res.url };
    `),
    { env: { OTRA_FUNCION_TOKEN: "jfn_rt_x" } },
    { egressSocket: gateway.socket },
  );
  const id = crypto.randomUUID();
  const response = await worker.post({ valor: "v" }, { requestId: id });
  equal(await response.json(), {
    status: 201,
    body: { got: { dato: "v" } },
    url: "https://otra-funcion.fn.localhost/a?b=1",
  });
  const [call] = gateway.calls;
  equal([call!.method, call!.url, call!.body], [
    "POST",
    "https://otra-funcion.fn.localhost/a?b=1",
    '{"dato":"v"}',
  ]);
  const platform = Object.entries(call!.headers).filter(([name]) => name.startsWith("x-jelou-"));
  equal(platform, [["x-jelou-deployment", "dep_1"], ["x-jelou-parent", id], ["x-jelou-token", "jfn_rt_x"]]);
  same(call!.headers.host, "otra-funcion.fn.localhost");
});

Deno.test("the host alone decides, in whatever form it is given", async () => {
  await using gateway = new Gateway((call) => new Response(new URL(call.url).host));
  await using worker = await Worker.serving(
    running(`
      const forms = [
        "http://a.fn.localhost:4400/", "HTTPS://A.FN.Localhost/", "https://a.fn.localhost./", "https://a%2Efn.localhost/",
        new URL("https://a.b.fn.localhost/"), new Request("https://a.fn.localhost/"), { toString: () => "https://a.fn.localhost/" },
      ];
      const answers = [];
      for (const form of forms) answers.push(await attempt(async () => (await fetch(form)).text()));
      return answers;
    `),
    {},
    { egressSocket: gateway.socket },
  );
  equal(await (await worker.post({})).json(), [
    "a.fn.localhost:4400",
    "a.fn.localhost",
    "a.fn.localhost.",
    "a.fn.localhost",
    "a.b.fn.localhost",
    "a.fn.localhost",
    "a.fn.localhost",
  ]);
});

Deno.test("other hosts are fetched as usual, with nothing added", async () => {
  const seen: Record<string, string>[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    seen.push(Object.fromEntries(request.headers));
    return new Response("outside");
  });
  await using gateway = new Gateway(() => new Response("inside"));
  await using worker = await Worker.serving(
    running(`
      return (await fetch(input.url, { headers: { "x-jelou-own": "kept", a: "b" } })).text();
    `),
    {},
    { egressSocket: gateway.socket },
  );
  equal(
    await (await worker.post({ url: `http://127.0.0.1:${server.addr.port}/fn.localhost` })).json(),
    "outside",
  );
  const names = Object.keys(seen[0]!).filter((name) => !name.startsWith("accept"));
  equal(names.sort(), ["a", "host", "user-agent", "x-jelou-own"]);
  same(gateway.calls.length, 0);
  await server.shutdown();
});

Deno.test("without an egress socket a call to a function says so", async () => {
  await using worker = await Worker.serving(
    running(`return attempt(() => fetch("https://otra.fn.localhost/"));`),
  );
  const error = await (await worker.post({})).json();
  same(error.name, "TypeError");
  match(error.message, /otra\.fn\.localhost.*cannot be called from here/);
});

Deno.test("bodies are streamed to and from another function", async () => {
  await using gateway = new Gateway((_call, request) =>
    new Response(
      request.body!.pipeThrough(new TextDecoderStream()).pipeThrough(
        new TransformStream<string, string>({
          transform: (text, controller) => controller.enqueue(text.toUpperCase()),
        }),
      ).pipeThrough(new TextEncoderStream()),
    )
  );
  await using worker = await Worker.serving(
    running(`
      const { readable, writable } = new TransformStream();
      const writer = writable.getWriter();
      const encode = (text) => new TextEncoder().encode(text);
      writer.write(encode("one"));
      const res = await fetch("https://otra.fn.localhost/", { method: "POST", body: readable, headers: { "x-stream": "1" } });
      const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
      const first = await reader.read();
      writer.write(encode("two"));
      const second = await reader.read();
      writer.close();
      return [first.value, second.value, (await reader.read()).done];
    `),
    {},
    { egressSocket: gateway.socket },
  );
  equal(await (await worker.post({})).json(), ["ONE", "TWO", true]);
});

Deno.test("a call to another function can be aborted, and ends with its caller", async () => {
  let arrived = () => {};
  await using gateway = new Gateway((_call, request) => {
    arrived();
    return new Promise((resolve) => request.signal.addEventListener("abort", () => resolve(new Response())));
  });
  await using worker = await Worker.serving(
    running(`return attempt(() => fetch("https://otra.fn.localhost/", { signal: request.signal }));`),
    {},
    { egressSocket: gateway.socket },
  );
  const reached = new Promise<void>((resolve) => arrived = resolve);
  const abort = new AbortController();
  const call = worker.invoke("/", { signal: abort.signal }).catch((error) => error.name);
  await reached;
  abort.abort();
  same(await call, "AbortError");
});

Deno.test("redirects are followed by the rules of fetch", async () => {
  await using gateway = new Gateway((call) => {
    const { host, pathname } = new URL(call.url);
    const to = (status: number, location: string) => new Response(null, { status, headers: { location } });
    if (pathname === "/found") return to(302, "/end");
    if (pathname === "/kept") return to(307, "https://b.fn.localhost/end");
    if (pathname === "/loop") return to(302, "/loop");
    return Response.json({
      host,
      method: call.method,
      body: call.body,
      token: call.headers["x-jelou-token"] ?? null,
    });
  });
  await using worker = await Worker.serving(
    running(`
      const post = (path, more) => attempt(async () => {
        const res = await fetch("https://a.fn.localhost" + path, {
          method: "POST", body: "sent", headers: { "x-jelou-token": "t" }, ...more });
        return { status: res.status, redirected: res.redirected, location: res.headers.get("location"), body: await res.text() };
      });
      return {
        found: await post("/found"), kept: await post("/kept"), manual: await post("/found", { redirect: "manual" }),
        refused: await post("/found", { redirect: "error" }), loop: await post("/loop"),
        stream: await post("/kept", { body: new Blob(["x"]).stream() }),
      };
    `),
    {},
    { egressSocket: gateway.socket },
  );
  const result = await (await worker.post({})).json();
  equal(JSON.parse(result.found.body), { host: "a.fn.localhost", method: "GET", body: "", token: "t" });
  same(result.found.redirected, true);
  equal(JSON.parse(result.kept.body), { host: "b.fn.localhost", method: "POST", body: "sent", token: null });
  equal([result.manual.status, result.manual.location, result.manual.redirected], [302, "/end", false]);
  match(result.refused.message, /redirect is "error"/);
  match(result.loop.message, /more than 20 times/);
  match(result.stream.message, /cannot be sent twice/);
});

Deno.test("ctx.memory keeps values through the platform, within its limits", async () => {
  const kept = new Map<string, string>();
  await using gateway = new Gateway(({ method, url, body }) => {
    const key = decodeURIComponent(new URL(url).pathname.slice("/memory/".length));
    if (method === "PUT" && key === "full") {
      return Response.json({ error: { message: "the store is full" } }, { status: 507 });
    }
    if (method === "PUT") kept.set(key, JSON.parse(body).value);
    if (method === "DELETE") kept.delete(key);
    if (method !== "GET") return new Response(null, { status: 204 });
    return kept.has(key)
      ? Response.json({ value: kept.get(key) })
      : Response.json({ error: "Not found" }, { status: 404 });
  });
  await using worker = await Worker.serving(
    running(`
      const { memory } = ctx;
      await memory.set("a/b ñ", "text", 60);
      await memory.setJson("j", { deep: [1] }, 86400);
      const values = {
        available: memory.available, text: await memory.get("a/b ñ"), json: await memory.getJson("j"),
        missing: [await memory.get("no"), await memory.get("no", "usual"), await memory.getJson("no", { a: 1 })],
      };
      await memory.delete("j");
      await memory.delete("never");
      return { ...values, deleted: await memory.getJson("j"), errors: [
        await attempt(() => memory.set("k", "x".repeat(256))), await attempt(() => memory.set("k", 5)),
        await attempt(() => memory.set("k", "v", 86401)), await attempt(() => memory.set("k", "v", 0)),
        await attempt(() => memory.get("")), await attempt(() => memory.setJson("k", undefined)),
        await attempt(() => memory.set("full", "v")),
      ].map((error) => error.message) };
    `),
    { memory: {} },
    { egressSocket: gateway.socket },
  );
  const id = crypto.randomUUID();
  const { errors, ...values } = await (await worker.post({}, { requestId: id })).json();
  equal(values, {
    available: true,
    text: "text",
    json: { deep: [1] },
    missing: [null, "usual", { a: 1 }],
    deleted: null,
  });
  const expected = [
    /255 characters, and got 256/,
    /takes a string, and got number/,
    /at most 86400 seconds/,
    /is 0/,
    /non-empty string/,
    /undefined has no JSON form/,
    /the store is full/,
  ];
  for (const [index, pattern] of expected.entries()) match(errors[index], pattern);
  equal(gateway.calls[0], {
    method: "PUT",
    url: "http://jelou.internal/memory/a%2Fb%20%C3%B1",
    headers: { ...gateway.calls[0]!.headers, "x-jelou-parent": id },
    body: '{"value":"text","ttl":60}',
  });
});

Deno.test("ctx.memory without a store says so", async () => {
  await using worker = await Worker.serving(
    running(`return [ctx.memory.available, await attempt(() => ctx.memory.get("a"))];`),
  );
  const [available, error] = await (await worker.post({})).json();
  same(available, false);
  match(error.message, /ctx\.memory is not available/);
});

Deno.test("ctx.jelou sends messages, and tells what went wrong", async () => {
  const seen: { url: string; auth: string | null; body: unknown }[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.json();
    seen.push({ url: new URL(request.url).pathname, auth: request.headers.get("authorization"), body });
    if (body.to === "limit") return Response.json({ error: { message: "slow down" } }, { status: 429 });
    if (body.to === "auth") return Response.json({ message: "who?", code: "BAD_KEY" }, { status: 401 });
    if (body.to === "html") return new Response("<html>", { status: 502 });
    return Response.json({ data: { messageId: 17 } });
  });
  const tell = `const tell = (code) => code().then((sent) => sent, (error) => ({
    is: error instanceof JelouApiError, message: error.message, status: error.status, code: error.code,
    limit: error.isRateLimit(), auth: error.isAuth() }));`;
  const jelou = { baseUrl: `http://127.0.0.1:${server.addr.port}/v1/`, apiKey: "key" };
  await using worker = await Worker.serving(
    running(`${tell}
      const send = (to) => tell(() => ctx.jelou.send({ type: "text", to, text: "hola" }));
      return [ctx.jelou.available, await send("593"), await tell(() => ctx.jelou.sendTemplate({ to: "593", template: "hi", botId: "own" })),
        await send("limit"), await send("auth"), await send("html"), await send(undefined)];
    `),
    { jelou },
  );
  const identity = { bot: { id: "bot-1", name: "Bot", channel: "whatsapp" } };
  const [available, sent, template, limit, auth, html, wrong] = await (await worker.post({}, { identity }))
    .json();
  equal([available, sent, template], [true, { messageId: "17" }, { messageId: "17" }]);
  equal(limit, {
    is: true,
    message: "slow down",
    status: 429,
    code: "RATE_LIMITED",
    limit: true,
    auth: false,
  });
  equal(auth, { is: true, message: "who?", status: 401, code: "BAD_KEY", limit: false, auth: true });
  equal([html.status, html.code], [502, "SERVER_ERROR"]);
  equal([wrong.is, wrong.code], [true, "INVALID_ARGUMENT"]);
  equal(seen.slice(0, 2), [
    {
      url: "/v1/messages",
      auth: "Bearer key",
      body: { botId: "bot-1", type: "text", to: "593", text: "hola" },
    },
    { url: "/v1/messages/template", auth: "Bearer key", body: { botId: "own", to: "593", template: "hi" } },
  ]);
  await server.shutdown();
  const [, unreachable] = await (await worker.post({})).json();
  equal([unreachable.is, unreachable.status, unreachable.code], [true, 0, "NETWORK_ERROR"]);

  await using without = await Worker.serving(
    running(
      `${tell} return [ctx.jelou.available, await tell(() => ctx.jelou.send({ type: "text", to: "1", text: "a" }))];`,
    ),
  );
  const [none, refused] = await (await without.post({})).json();
  equal([none, refused.is, refused.code], [false, true, "UNAVAILABLE"]);
});

Deno.test("a call's trace goes to other functions, and to other hosts only if the platform says so", async () => {
  await using gateway = new Gateway(() => new Response("ok"));
  const seen: (string | null)[] = [];
  await using outside = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    seen.push(request.headers.get("traceparent"));
    return new Response("ok");
  });
  const code = running(`
    const get = (url, options) => new Promise((resolve, reject) =>
      process.getBuiltinModule("node:http").get(url, options, (response) => response.resume().on("end", resolve))
        .on("error", reject));
    const other = "http://127.0.0.1:${outside.addr.port}/";
    await fetch("https://otra.fn.localhost/");
    await fetch("https://otra.fn.localhost/", { headers: { traceparent: "own" } });
    await get("http://otra.fn.localhost/", {});
    await get("http://otra.fn.localhost/", { headers: { traceparent: "own" } });
    await fetch(other);
    await get(other, {});
    return ctx.traceparent;
  `);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const tracesOutside of [false, true]) {
    await using worker = await Worker.serving(code, { tracesOutside }, { egressSocket: gateway.socket });
    same(await (await worker.post({}, { traceparent })).json(), traceparent);
    const requestId = "01234567-89ab-4cde-8f01-23456789abcd";
    same(
      await (await worker.post({}, { requestId })).json(),
      "00-0123456789ab4cde8f0123456789abcd-8f0123456789abcd-00",
    );
  }
  equal(gateway.calls.slice(0, 4).map((call) => call.headers.traceparent), [
    traceparent,
    "own",
    traceparent,
    "own",
  ]);
  equal(seen.slice(0, 6), [null, null, null, null, traceparent, traceparent]);
});
