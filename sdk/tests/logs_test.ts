import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** A function that runs the code from its test. */
const running = (code: string, top = "") => `
  import { define } from "@jelou/functions";
  ${top}
  export default define({ description: "x", handler: async (input, ctx, request) => { ${code} } });
`;

Deno.test("ctx.log writes one line of JSON with the request's id", async () => {
  await using worker = await Worker.serving(
    running(`ctx.log("Buscando cliente", { telefono: input.telefono });`),
  );
  const id = crypto.randomUUID();
  await worker.post({ telefono: "593" }, { requestId: id });
  const text = await worker.nextLine();
  const line = JSON.parse(text);
  equal(Object.keys(line), ["requestId", "function", "company", "timestamp", "level", "args"]);
  equal({ ...line, timestamp: "" }, {
    requestId: id,
    function: "mi-funcion",
    company: "company-1",
    timestamp: "",
    level: "INFO",
    args: ["Buscando cliente", { telefono: "593" }],
  });
  same(new Date(line.timestamp).toISOString(), line.timestamp);
});

Deno.test("ctx.log has a method for each level, and lines below the function's level are left out", async () => {
  const code = `
    const { log, log: { warn } } = ctx;
    log.debug("debug"); log("plain"); log.info("info"); warn("warn"); log.error("error");
    console.log("console"); console.error("last");
  `;
  await using all = await Worker.serving(running(code));
  await all.post({});
  for (
    const expected of ["DEBUG debug", "INFO plain", "INFO info", "WARN warn", "ERROR error", "INFO console"]
  ) {
    const { level, args } = await all.nextLog();
    same(`${level} ${args[0]}`, expected);
  }
  await using some = await Worker.serving(running(code), { logLevel: "WARN" });
  await some.post({});
  for (const expected of ["warn", "error", "last"]) same((await some.nextLog()).args[0], expected);
});

Deno.test("the console's methods have their levels, and ctx.log works on its own", async () => {
  await using worker = await Worker.serving(running(`
    const { log } = ctx;
    log("own");
    console.log("log"); console.info("info"); console.warn("warn"); console.error("error");
    console.debug("debug"); console.trace("trace"); console.dir({ a: 1 }, { depth: 0 });
    console.assert(true, "quiet"); console.assert(false, "loud");
    console.count(); console.count(); console.group("group"); console.groupEnd(); console.table([1]);
    console.time("t"); console.timeEnd("t");
  `));
  await worker.post({});
  const expected: [string, unknown][] = [
    ["INFO", "own"],
    ["INFO", "log"],
    ["INFO", "info"],
    ["WARN", "warn"],
    ["ERROR", "error"],
    ["DEBUG", "debug"],
    ["DEBUG", "trace"],
    ["INFO", { a: 1 }],
    ["ERROR", "Assertion failed"],
    ["INFO", "default: 1"],
    ["INFO", "default: 2"],
    ["INFO", "group"],
    ["INFO", [1]],
  ];
  for (const [level, first] of expected) {
    const line = await worker.nextLog();
    equal([line.level, line.args[0]], [level, first]);
    if (first === "trace") match(line.args[1], /^Trace\n {4}at .*\/function\/index\.js/);
  }
  match((await worker.nextLog()).args[0], /^t: \d+\.\d+ms$/);
});

Deno.test("concurrent requests keep their own ids across await, timers and other modules", async () => {
  await using worker = await Worker.serving(running(
    `
      await new Promise((resolve) => { waiting.push(resolve); if (waiting.length === 3) waiting.forEach((go) => go()); });
      await new Promise((resolve) => setTimeout(resolve, 0));
      queueMicrotask(() => console.log(input.name));
    `,
    "const waiting = [];",
  ));
  const ids = new Map<string, string>();
  const calls = ["a", "b", "c"].map((name) => {
    ids.set(name, crypto.randomUUID());
    return worker.post({ name }, { requestId: ids.get(name) });
  });
  await Promise.all(calls);
  for (let count = 0; count < 3; count++) {
    const line = await worker.nextLog();
    same(line.requestId, ids.get(line.args[0]));
  }
});

Deno.test("lines outside a request have no request's id", async () => {
  await using worker = await Worker.serving(running("", 'console.log("importing");'));
  const line = await worker.nextLog();
  equal([line.requestId, line.function, line.company, line.args], [null, "mi-funcion", "company-1", [
    "importing",
  ]]);
});

Deno.test("the company of a line is the caller's", async () => {
  await using worker = await Worker.serving(running(`console.log(ctx.company.name);`));
  await worker.post({}, { identity: { company: { id: "company-2", name: "Otra" } } });
  const line = await worker.nextLog();
  equal([line.company, line.args], ["company-2", ["Otra"]]);
});

Deno.test("anything can be logged", async () => {
  await using worker = await Worker.serving(running(`
    const cycle = { name: "c" }; cycle.self = cycle; cycle.list = [cycle];
    const shared = { x: 1 };
    class Point { constructor() { this.x = 1; } }
    console.log(undefined, null, 12n, NaN, -Infinity, Symbol("s"), () => 1, class Foo {});
    console.log(new Map([["a", { b: 2n }]]), new Map([[1, 2]]), new Set([1, undefined]), cycle, [shared, shared]);
    console.log(new Date(0), new Date(NaN), new Uint8Array(3), /x/g, new URL("https://a.b/c"), Promise.resolve());
    console.log(new Headers({ a: "b" }), new Response(), request, new Point(), { u: undefined, f() {} });
    console.log({ get bad() { throw new Error("no"); } }, { toJSON: () => "own form" }, Object.create(null));
    console.log(new AggregateError([new Error("one")], "many"), Object.assign(new RangeError("far"), { code: "E" }));
    console.log(new Proxy({}, { ownKeys() { throw new Error("trap"); } }), { toJSON() { throw new Error("json"); } });
    let deep = {}; for (let i = 0; i < 10000; i++) deep = { deep };
    console.log(deep, Array(5000).fill(0));
  `));
  await worker.post({});
  const next = async () => (await worker.nextLog()).args;
  equal(await next(), [
    "undefined",
    null,
    "12n",
    "NaN",
    "-Infinity",
    "Symbol(s)",
    "[Function: anonymous]",
    "[class: Foo]",
  ]);
  equal(await next(), [
    { a: { b: "2n" } },
    [[1, 2]],
    [1, null],
    { name: "c", self: "[Circular]", list: ["[Circular]"] },
    [{ x: 1 }, { x: 1 }],
  ]);
  equal(await next(), [
    "1970-01-01T00:00:00.000Z",
    "Invalid Date",
    "[Uint8Array: 3 bytes]",
    "/x/g",
    "https://a.b/c",
    "[Promise]",
  ]);
  equal(await next(), [
    { a: "b" },
    "[Response: 200]",
    "[Request: POST https://mi-funcion.fn.example.com/]",
    { x: 1 },
    { f: "[Function: f]" },
  ]);
  equal(await next(), [{ bad: "[threw: no]" }, "own form", {}]);
  const [many, far] = await next();
  equal([many.name, many.message, many.errors[0].message], ["AggregateError", "many", "one"]);
  equal([far.name, far.message, far.code], ["RangeError", "far", "E"]);
  equal(await next(), ["[not loggable: trap]", "[not loggable: json]"]);
  const [deep, list] = await next();
  match(JSON.stringify(deep), /"\[Object\]"/);
  match(list.at(-1), /^\[… \d+ more\]$/);
});

Deno.test("a line holds 16 KB, and says what was cut", async () => {
  await using worker = await Worker.serving(running(`
    console.log("head", "ñ".repeat(40_000), "tail");
    console.log("x".repeat(16_000));
    console.log({ list: Array.from({ length: 1500 }, () => "y".repeat(50)) });
  `));
  await worker.post({});
  const first = await worker.nextLine();
  const size = new TextEncoder().encode(first + "\n").length;
  same(size <= 16_384 && size > 15_000, true, `${size} bytes`);
  const { args } = JSON.parse(first);
  equal([args[0], args[1].slice(0, 3), args.length], ["head", "ñññ", 3]);
  match(
    args[2],
    /^\[truncated: a line holds 16384 bytes \(limits\.max_log_line_bytes, the server's\)\]$/,
  );
  equal((await worker.nextLog()).args, ["x".repeat(16_000)]);
  const third = JSON.parse(await worker.nextLine());
  const { list } = third.args[0];
  match(`${list[0]} ${list.at(-1)}`, /^y{50} \[… \d+ more\]$/);
  match(third.args[1], /^\[truncated: /);
});

Deno.test("errors outside a handler are logged and do not end the process", async () => {
  await using worker = await Worker.serving(running(`
    Promise.reject(new Error("nobody listens"));
    setTimeout(() => { throw new Error("in a timer"); }, 0);
    return "fine";
  `));
  const id = crypto.randomUUID();
  equal(await (await worker.post({}, { requestId: id })).json(), "fine");
  const lines = [await worker.nextLog(), await worker.nextLog()];
  // The order of the timer and the rejection is not defined.
  const told = lines.map(({ level, args }) => [level, args[0], args[1].message]).sort();
  equal(told, [
    ["ERROR", "Uncaught error", "in a timer"],
    ["ERROR", "Unhandled promise rejection", "nobody listens"],
  ]);
  same((await worker.post({})).status, 200);
});

Deno.test("credentials in errors and objects are masked", async () => {
  await using worker = await Worker.serving(running(`
    const secret = "s3cr3t-value";
    const config = { url: "https://ana:" + secret + "@api.example/x", auth: { username: "ana", password: secret },
      headers: new Headers({ Authorization: "Bearer " + secret, accept: "*/*", Cookie: "sid=" + secret }) };
    const error = Object.assign(new Error("401 with Bearer " + secret), { config,
      request: { _header: "GET / HTTP/1.1\\r\\nProxy-Authorization: Basic " + secret + "\\r\\nX-API-Key: " + secret + "\\r\\nHost: a\\r\\n" },
      response: { headers: { "Set-Cookie": ["sid=" + secret], "content-type": "text/html" },
        rawHeaders: ["X-Api-Key", secret, "Server", "nginx"] } });
    console.error(error);
    ctx.log({ api_key: secret, "x-jelou-token": secret, accessToken: secret, PASSWORD: secret, password: null, auth: true,
      nested: new Map([["client-secret", secret], ["page", 2]]), token: "jfn_rt_" + "a".repeat(38) });
    throw new Error("outer", { cause: error });
  `));
  await (await worker.post({})).body?.cancel();
  const lines = [await worker.nextLine(), await worker.nextLine(), await worker.nextLine()];
  for (const line of lines) same(line.includes("s3cr3t"), false, line);
  const [error, logged, outer] = lines.map((line) => JSON.parse(line).args[0]);
  same(error.message, "401 with Bearer [masked]");
  equal(error.config.headers, { accept: "*/*", authorization: "[masked]", cookie: "[masked]" });
  same(error.config.url, "https://ana:[masked]@api.example/x");
  same(
    error.request._header,
    "GET / HTTP/1.1\r\nProxy-Authorization: [masked]\r\nX-API-Key: [masked]\r\nHost: a\r\n",
  );
  equal(error.response, {
    headers: { "Set-Cookie": "[masked]", "content-type": "text/html" },
    rawHeaders: ["X-Api-Key", "[masked]", "Server", "nginx"],
  });
  equal(logged, {
    api_key: "[masked]",
    "x-jelou-token": "[masked]",
    accessToken: "[masked]",
    PASSWORD: "[masked]",
    password: null,
    auth: true,
    nested: { "client-secret": "[masked]", page: 2 },
    token: "jfn_rt_[masked]",
  });
  same(outer.cause.message, error.message);
});

Deno.test("words that only look like credentials are not masked", async () => {
  await using worker = await Worker.serving(running("for (const text of input) ctx.log(text);"));
  const texts = [
    "Basic information",
    "the bearer of news",
    "cookies: 3",
    "token expired",
    "https://a.example/x@y",
    "12:30@home",
  ];
  await worker.post(texts);
  for (const text of texts) equal((await worker.nextLog()).args, [text]);
});

Deno.test("lone surrogates are replaced, also where a text is cut", async () => {
  await using worker = await Worker.serving(running(`
    ctx.log("b\\ud800b", { "k\\udfff": ["\\ud83d", "\\u{1f600}"] });
    ctx.log.error(new Error("boom \\ud800"));
    ctx.log("x".repeat(30_000) + "\\u{1f600}");
    ctx.log("a" + "\\u{1f600}".repeat(30_000));
  `));
  await worker.post({});
  const plain = await worker.nextLine();
  equal(JSON.parse(plain).args, ["b\ufffdb", { "k\ufffd": ["\ufffd", "\u{1f600}"] }]);
  const error = await worker.nextLine();
  same(JSON.parse(error).args[0].message, "boom \ufffd");
  for (const line of [plain, error, await worker.nextLine(), await worker.nextLine()]) {
    same(/\\ud[89a-f]/i.test(line), false, line.slice(0, 300));
    if (line.length > 10_000) match(JSON.parse(line).args[0], /…$/);
  }
});
