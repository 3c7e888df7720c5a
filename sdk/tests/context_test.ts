import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

const everything = `
  import { define } from "@jelou/functions";
  export default define({ description: "x", handler: (_input, ctx) => ({
    functionSlug: ctx.functionSlug, requestId: ctx.requestId, method: ctx.method, path: ctx.path,
    params: ctx.params, query: ctx.query, trigger: ctx.trigger, is: [ctx.isHttp, ctx.isCron, ctx.isEvent],
    company: ctx.company, bot: ctx.bot, user: ctx.user, conversation: ctx.conversation, operator: ctx.operator,
    skillId: ctx.skillId, executionId: ctx.executionId,
    available: [ctx.memory.available, ctx.jelou.available],
  }) });
`;

Deno.test("ctx tells everything about a plain request", async () => {
  await using worker = await Worker.serving(everything);
  const id = crypto.randomUUID();
  const response = await worker.invoke("/orders/7%20a?x=1&x=2&y=", {}, {
    requestId: id,
    params: { id: "7 a" },
  });
  equal(await response.json(), {
    functionSlug: "mi-funcion",
    requestId: id,
    method: "GET",
    path: "/orders/7%20a",
    params: { id: "7 a" },
    query: { x: ["1", "2"], y: "" },
    trigger: { type: "http" },
    is: [true, false, false],
    company: { id: "company-1", name: "Acme" },
    available: [false, false],
  });
});

Deno.test("ctx tells who is behind a request", async () => {
  await using worker = await Worker.serving(everything);
  const identity = {
    company: { id: "c", name: "Ñandú" },
    bot: { id: "b", name: "Bot", channel: "whatsapp" },
    user: { id: "u", names: "Ana", roomId: "r" },
    conversation: { id: "v" },
    operator: { id: "o" },
    skillId: "s",
    executionId: "e",
  };
  const { company, bot, user, conversation, operator, skillId, executionId } =
    await (await worker.post({}, { identity })).json();
  equal({ company, bot, user, conversation, operator, skillId, executionId }, identity);
});

Deno.test("ctx tells what started the run", async () => {
  await using worker = await Worker.serving(everything);
  const run = async (trigger: unknown) => {
    const { trigger: told, is } = await (await worker.post({}, { trigger })).json();
    return [told, is];
  };
  equal(await run({ type: "cron", cron: "0 9 * * *", cronName: "daily" }), [
    { type: "cron", cron: "0 9 * * *", cronName: "daily" },
    [false, true, false],
  ]);
  equal(await run({ type: "cron", cron: "0 9 * * *", cronName: null }), [
    { type: "cron", cron: "0 9 * * *" },
    [false, true, false],
  ]);
  equal(await run({ type: "event", event: { name: "x" } }), [
    { type: "event", event: { name: "x" } },
    [false, false, true],
  ]);
});

Deno.test("ctx can still be asked after the answer has gone", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    let proceed;
    export default define({ description: "x", handler: (_input, ctx, request) => {
      if (ctx.path === "/proceed") return proceed();
      new Promise((resolve) => proceed = resolve).then(() =>
        ctx.log(ctx.user, ctx.query, ctx.params, ctx.trigger, request.url, request.headers.get("x-own")));
    } });
  `);
  const meta = { identity: { user: { id: "u" } }, params: { a: "b" } };
  same((await worker.invoke("/later?q=1", { headers: { "x-own": "2" } }, meta)).status, 204);
  await worker.invoke("/proceed");
  const url = "https://mi-funcion.fn.example.com/later?q=1";
  equal((await worker.nextLog()).args, [{ id: "u" }, { q: "1" }, { a: "b" }, { type: "http" }, url, "2"]);
});

Deno.test("ctx.env has the secrets and nothing of the platform or the process", async () => {
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    const attempt = (code) => { try { return code(); } catch (error) { return error.name; } };
    export default define({ description: "x", handler: (_input, { env }) => {
      env.toObject().A = "changed";
      return {
        all: env.toObject(), a: env.get("A"), none: env.get("NONE") === undefined,
        inherited: [env.get("toString") === undefined, env.has("constructor")],
        has: [env.has("A"), env.has("__FN_KEY"), env.has("HOME")], hidden: env.get("__FN_KEY") === undefined,
        frozen: attempt(() => { "use strict"; env.get = null; }),
        deno: attempt(() => Deno.env.toObject()), denoGet: attempt(() => Deno.env.get("A")), process: { ...process.env },
      };
    } });
  `,
    { env: { A: "1", EMPTY: "", __FN_KEY: "secret" } },
  );
  equal(await (await worker.post({})).json(), {
    all: { A: "1", EMPTY: "" },
    a: "1",
    none: true,
    inherited: [true, false],
    has: [true, false, false],
    hidden: true,
    frozen: "TypeError",
    deno: { NODE_ENV: "production", A: "1", EMPTY: "" },
    denoGet: "1",
    process: { NODE_ENV: "production", A: "1", EMPTY: "" },
  });
});

Deno.test("the function sees the request as its caller sent it", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async (_input, _ctx, request) => ({
      url: request.url, method: request.method, isRequest: request instanceof Request,
      tag: String(request), names: [...request.headers.keys()].filter((name) => name.startsWith("x-")),
      copy: await new Request(request.clone(), { headers: { a: "b" } }).text(), again: await request.text(), used: request.bodyUsed,
    }) });
  `);
  const response = await worker.invoke("/a%20b/?q=%C3%B1", {
    method: "PUT",
    body: "{}",
    headers: { "X-Own": "2" },
  }, { identity: { skillId: "s" } });
  equal(await response.json(), {
    url: "https://mi-funcion.fn.example.com/a%20b/?q=%C3%B1",
    method: "PUT",
    isRequest: true,
    tag: "[object Request]",
    names: ["x-own"],
    copy: "{}",
    again: "{}",
    used: true,
  });
});

Deno.test("headers and URL are the same before and after something looks inside", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    const look = (request) => ({ url: request.url, one: request.headers.get("X-Own"), none: request.headers.get("x-none"),
      platform: [request.headers.get("X-Jelou-Call"), request.headers.has("x-jelou-call")], has: request.headers.has("x-own"),
      method: request.method, aborted: request.signal.aborted });
    export default define({ description: "x", handler: async (_input, _ctx, request) => {
      const before = look(request);
      const copy = new Request(request);
      const after = [look(request), look(copy)];
      request.headers.set("x-own", "3");
      return { before, after, all: JSON.stringify([...copy.headers]), copied: new Headers(request.headers).get("x-own"),
        type: [request.headers instanceof Headers, String(request.headers)] };
    } });
  `);
  for (const target of ["/", "/a/b?c=d", "/a/./b/../c", "/a/..%2f", "/a/%2E%2e/b", "/x?y=%7B'\"", "/a//b"]) {
    const connection = await Deno.connect({ transport: "unix", path: `${worker.folder}/worker.sock` });
    const head = `POST ${target} HTTP/1.1\r\nHost: w\r\nX-Own: 2\r\n` +
      "X-Jelou-Call: r default https://f.example.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    await connection.write(new TextEncoder().encode(head));
    const answer = await new Response(connection.readable).text();
    const { before, after, all, copied, type } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
    equal(before, {
      url: new URL(target, "https://f.example.com").href,
      one: "2",
      none: null,
      platform: [null, false],
      has: true,
      method: "POST",
      aborted: false,
    });
    equal(after, [before, before]);
    same(all.includes("x-jelou"), false);
    equal([copied, type], ["3", [true, "[object Headers]"]]);
  }
});

Deno.test("the third argument is there however a handler looks at it", async () => {
  const handlers = [
    "function () { return arguments[2].url }",
    "(...args) => args[2].url",
    "(input, ctx, ...rest) => rest[0].url",
    "(input, ctx, request = null) => request.url",
    "(input, ctx = {}, request) => request.url",
    "((input, ctx, request) => request.url).bind(null)",
    "new Proxy((input, ctx, request) => request.url, {})",
    "((inner) => (...args) => inner(...args))((input, ctx, request) => request.url)",
    "async function (input, ctx) { return [].slice.call(arguments)[2].url }",
  ];
  for (const handler of handlers) {
    await using worker = await Worker.serving(
      `import { define } from "@jelou/functions"; export default define({ description: "x", handler: ${handler} });`,
    );
    const response = await worker.invoke("/x");
    same(response.status, 200, handler);
    match(await response.text(), /fn\.example\.com\/x"$/);
  }
});

Deno.test("ctx.identity says what is missing", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    const refused = (identity, audience) => identity(audience).catch((error) => error.message);
    export default define({ description: "x", handler: async (_input, { identity }) =>
      [await refused(identity), await refused(identity, ""), await refused(identity, "x")] });
  `);
  const [none, empty, platform] = await (await worker.post({})).json();
  match(none, /takes the audience/);
  same(empty, none);
  match(platform, /there is no platform/);
});
