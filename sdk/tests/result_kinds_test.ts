import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** A function that returns the result of the named code. */
const returning = (code: Record<string, string>) => `
  import { define, response } from "@jelou/functions";
  import { Readable } from "node:stream";
  class Empty { #secret = 1; }
  class Row { constructor(id) { this.id = id; } }
  class HttpError extends Error { constructor() { super("lost"); this.code = "E"; } }
  class FetchHeaders extends Map { forEach(each) { for (const [name, value] of this) each(value, name); } getSetCookie() { return ["a=1", "b=2"]; } }
  const foreign = (body, more) => ({ __proto__: { arrayBuffer: async () => new TextEncoder().encode("whole").buffer },
    status: 418, headers: new FetchHeaders([["x-a", "1"], ["content-encoding", "gzip"]]), body, ...more });
  const bytes = new TextEncoder().encode("bytes");
  const self = { a: [{}] }; self.a[0].self = self;
  const handlers = { ${
  Object.entries(code).map(([name, piece]) => `${JSON.stringify(name)}: async () => { ${piece} }`)
} };
  export default define({ description: "x", config: { path: "*" },
    handler: (_input, ctx) => handlers[decodeURIComponent(ctx.path.slice(1))]() });
`;

/** Results with an obvious meaning: the code, the content type and the text. */
const SENT: Record<string, [code: string, type: string | RegExp | null, text: string]> = {
  "a stream of bytes": ["return new Response('streamed').body", "application/octet-stream", "streamed"],
  "a stream of text": ["return ReadableStream.from(['a', 'ñ'])", "text/plain; charset=utf-8", "añ"],
  "an async generator": [
    "return (async function* () { yield 'one '; await 1; yield 'two'; })()",
    "text/plain; charset=utf-8",
    "one two",
  ],
  "a generator of objects": [
    "return (function* () { yield { a: 1 }; yield 2; yield 'x'; })()",
    "application/x-ndjson",
    '{"a":1}\n2\n"x"\n',
  ],
  "a generator of bytes": [
    "return (function* () { yield bytes; yield '!'; })()",
    "application/octet-stream",
    "bytes!",
  ],
  "an object for a loop": [
    "return { async *[Symbol.asyncIterator]() { yield 'one '; yield 'two'; } }",
    "text/plain; charset=utf-8",
    "one two",
  ],
  "an iterator's helper": [
    "return new Map([['a', 1], ['b', 2]]).entries().map(([name]) => name)",
    "text/plain; charset=utf-8",
    "ab",
  ],
  "an empty generator": ["return (async function* () {})()", null, ""],
  "a stream of Node's": [
    "return Readable.from([Buffer.from('a'), Buffer.from('b')])",
    "application/octet-stream",
    "ab",
  ],
  "a typed blob": ["return new Blob(['<p>'], { type: 'text/html' })", "text/html", "<p>"],
  "a blob": ["return new Blob(['x'])", "application/octet-stream", "x"],
  "a file": ["return new File(['a,b'], 'x.csv', { type: 'text/csv' })", "text/csv", "a,b"],
  "bytes": ["return bytes", "application/octet-stream", "bytes"],
  "a part of bytes": ["return new DataView(bytes.buffer, 1, 2)", "application/octet-stream", "yt"],
  "a buffer": ["return bytes.buffer", "application/octet-stream", "bytes"],
  "a buffer of Node's": ["return Buffer.from('node')", "application/octet-stream", "node"],
  "a form": [
    "const form = new FormData(); form.set('a', 'b'); return form",
    /^multipart\/form-data; boundary=/,
    "",
  ],
  "parameters": [
    "return new URLSearchParams({ a: 'ñ' })",
    "application/x-www-form-urlencoded;charset=UTF-8",
    "a=%C3%B1",
  ],
  "an instance": ["return new Row(7)", "application/json", '{"id":7}'],
  "a form of its own": ["return { toJSON: () => ({ a: 1 }) }", "application/json", '{"a":1}'],
  "empty objects": [
    "return { a: {}, list: [{}], text: '{}' }",
    "application/json",
    '{"a":{},"list":[{}],"text":"{}"}',
  ],
  "dates and boxes": [
    "return { at: new Date(0), n: new Number(5), e: {}, url: new URL('https://a.b/') }",
    "application/json",
    '{"at":"1970-01-01T00:00:00.000Z","n":5,"e":{},"url":"https://a.b/"}',
  ],
  "no prototype": [
    "return Object.assign(Object.create(null), { a: Object.create(null) })",
    "application/json",
    '{"a":{}}',
  ],
};

Deno.test("a result that is no data is sent as what it obviously means", async (test) => {
  const code = Object.fromEntries(Object.entries(SENT).map(([name, [piece]]) => [name, piece]));
  await using worker = await Worker.serving(returning(code));
  for (const [name, [, type, text]] of Object.entries(SENT)) {
    await test.step(name, async () => {
      const response = await worker.invoke(`/${encodeURIComponent(name)}`);
      same(response.status, 200);
      const sentType = response.headers.get("content-type");
      if (type instanceof RegExp) match(sentType!, type);
      else same(sentType, type);
      const sent = await response.text();
      if (text !== "" || type === null) same(sent, text);
      else match(sent, /name="a"\r\n\r\nb\r\n/);
    });
  }
});

Deno.test("a response of another library is taken over", async () => {
  await using worker = await Worker.serving(returning({
    web: "return foreign(new Response('decoded').body)",
    node: "return foreign(Readable.from(['x']))",
    none: "return foreign(null, { status: 204 })",
    used: "return foreign(null, { bodyUsed: true })",
  }));
  for (const [name, text] of [["web", "decoded"], ["node", "whole"]]) {
    const response = await worker.invoke(`/${name}`);
    equal([response.status, response.headers.get("x-a"), response.headers.get("content-encoding")], [
      418,
      "1",
      null,
    ]);
    equal(response.headers.getSetCookie(), ["a=1", "b=2"]);
    same(await response.text(), text);
  }
  same((await worker.invoke("/none")).status, 204);
  same((await worker.invoke("/used")).status, 500);
  match((await worker.nextLog()).args[0].message, /has been read already/);
});

/** Results that cannot be sent: the code, and the message in the log. */
const REFUSED: Record<string, string> = {
  "return new Map([['a', 1]])":
    "The result is a Map, which JSON cannot express; return Object.fromEntries(value)",
  "return { rows: [{ tags: new Set() }] }":
    "rows.0.tags is a Set, which JSON cannot express; return [...tags]",
  "return { a: Promise.resolve(1) }": "a is a Promise, which JSON cannot express; await it",
  "return new Error('x')": "The result is an Error, which JSON cannot express; throw it",
  "return { ok: false, error: new TypeError('x') }":
    "error is a TypeError, which JSON cannot express; throw it, or return error.message",
  "return { error: new HttpError() }":
    "error is a HttpError, which JSON cannot express; throw it, or return error.message",
  "return [new HttpError()]":
    "0 is a HttpError, which JSON cannot express; throw it, or return value.message",
  "return /x/": "The result is a RegExp, which JSON cannot express; return String(value)",
  "return { a: { b: new Uint8Array(2) } }":
    "a.b is an Uint8Array, which JSON cannot express; return it by itself, not inside an object",
  "return { vector: new Float32Array(2) }":
    "vector is a Float32Array, which JSON cannot express; return Array.from(vector)",
  "return new Float64Array(2)":
    "The result is a Float64Array, which JSON cannot express; return Array.from(value)",
  "return { file: new File([], 'x') }":
    "file is a File, which JSON cannot express; return it by itself, not inside an object",
  "return { body: new Response('x').body }":
    "body is a ReadableStream, which JSON cannot express; return it by itself, not inside an object",
  "return { r: new Response('x') }":
    "r is a Response, which JSON cannot express; return it by itself, not inside an object",
  "return { items: (function* () {})() }":
    "items is a Generator, which JSON cannot express; return [...items]",
  "return new Headers({ a: 'b' })":
    "The result is a Headers, which JSON cannot express; return Object.fromEntries(value)",
  "return new Empty()":
    "The result is an Empty, which JSON cannot express; give its class a toJSON() method, or return plain data",
  "return response.json({ a: new Map() })":
    "a is a Map, which JSON cannot express; return Object.fromEntries(a)",
  "return response.stream(new Map())": "A Map cannot be the body of a response; use response.json() for data",
  "return response.text({})": "response.text() takes a string, and got an object; use response.json()",
  "return { rows: [{ id: 1n }] }": "rows.0.id is a BigInt; return String(id)",
  "return 1n": "The result is a BigInt; return String(value)",
  "return self": "a.0.self is circular, it leads back to the result; return the parts that you need",
  "return { outer: self.a }":
    "outer.0.self.a is circular, it leads back to outer; return the parts that you need",
  "throw new Response('x')": "The handler threw a response, which is answered with 500; return it",
  "throw response.status(404)": "The handler threw a response, which is answered with 500; return it",
  "return { events: { async *[Symbol.asyncIterator]() {} } }":
    "events is an async iterable, which JSON cannot express; return it by itself, not inside an object",
  "return { *[Symbol.iterator]() { yield 1; } }":
    "The result is an iterable, which JSON cannot express; return [...value]",
  "return { when: new WeakRef({}) }":
    "when is a WeakRef, which JSON cannot express; give its class a toJSON() method, or return plain data",
  "return Promise.allSettled([Promise.reject(new TypeError('x'))])":
    "0.reason is a TypeError, which JSON cannot express; throw it, or return reason.message",
  "return response.status(200).json(undefined)":
    "response.json() got undefined, which JSON cannot express; pass null, or return response.empty()",
  "return response.html(undefined)":
    "response.html() takes a string, and got undefined; use response.empty()",
  "return response.text(null)": "response.text() takes a string, and got null; use response.empty()",
  "return { total: { amount: 10n ** 20n } }": "total.amount is a BigInt; return String(amount)",
  "return [[1, 2n]]": "0.1 is a BigInt; return String(value)",
  "return () => 1":
    "The result is a function, which JSON cannot express; call it and return its result, or return plain data",
  "return class Order {}":
    "The result is a function, which JSON cannot express; call it and return its result, or return plain data",
  "return Symbol('x')":
    "The result is a symbol, which JSON cannot express; return its description, or plain data",
  "return { toJSON() {} }":
    "The result is an object without JSON, because its toJSON() returns nothing; return plain data or a Response",
  "throw 'text'": "The handler threw a string, which has no stack; throw an Error",
  "throw 42": "The handler threw a number, which has no stack; throw an Error",
  "throw null": "The handler threw null, which has no stack; throw an Error",
  "throw undefined":
    "The handler threw undefined, or returned a promise that rejected without a reason; throw an Error",
  "return Promise.reject()":
    "The handler threw undefined, or returned a promise that rejected without a reason; throw an Error",
  "throw { code: 7 }": "The handler threw an object that is not an Error, which has no stack; throw an Error",
  "return Promise.reject({ code: 7 })":
    "The handler threw an object that is not an Error, which has no stack; throw an Error",
  "return { get a() { throw new Error('own') } }": "own",
  "return (async function* () { throw new Error('early') })()": "early",
};

Deno.test("a result that cannot be sent is a 500, and the log says what and where it is", async (test) => {
  const pieces = Object.keys(REFUSED);
  await using worker = await Worker.serving(returning(Object.fromEntries(pieces.entries())));
  for (const [index, piece] of pieces.entries()) {
    await test.step(piece, async () => {
      const response = await worker.invoke(`/${index}`);
      same(response.status, 500);
      await response.body?.cancel();
      const { level, args } = await worker.nextLog();
      equal([level, args[0].message ?? args[0]], ["ERROR", REFUSED[piece]]);
      // Every line leads to the function's own code.
      const { stack = "" } = args[0];
      const place = /index\.js:\d+/.test(stack) ? stack : args.at(-1);
      match(place, /file:.*index\.js:\d+:\d+/);
    });
  }
});

Deno.test("a generator that fails later leaves a line with the request's id, and ends when the caller goes", async () => {
  await using worker = await Worker.serving(returning({
    fails: "return (async function* () { yield 'a'; throw new Error('late'); })()",
    long:
      "return (async function* () { try { while (true) yield 'x'.repeat(1e5); } finally { console.log('ended'); } })()",
  }));
  const id = crypto.randomUUID();
  const failing = await worker.invoke("/fails", {}, { requestId: id });
  same(failing.status, 200);
  await failing.text().then(() => Promise.reject(new Error("no error")), () => {});
  const line = await worker.nextLog();
  equal([line.requestId, line.level, line.args[0].message], [id, "ERROR", "late"]);
  const long = await worker.invoke("/long");
  await long.body!.cancel();
  equal((await worker.nextLog()).args, ["ended"]);
});

Deno.test("errors have a JSON form of their own where the module gives them one", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    if (!("toJSON" in Error.prototype)) Error.prototype.toJSON = function () { return { message: this.message }; };
    export default define({ description: "x", handler: () => ({ error: new Error("told") }) });
  `);
  equal(await (await worker.post({})).json(), { error: { message: "told" } });
});

Deno.test("errors of the function are as without the platform", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    class Own extends Error { toJSON() { return "own"; } }
    export default define({ description: "x", handler: () => {
      const error = new Error("x"); error.toJSON = () => "set";
      return [JSON.stringify({ e: new Error("x") }), JSON.stringify(error), new Own(), error, Object.keys(new Error("x"))];
    } });
  `);
  equal(await (await worker.post({})).json(), ['{"e":{}}', '"set"', "own", "set", []]);
});
