import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Calls, request, text } from "./calls.ts";
import { Worker } from "./worker.ts";

const echo = `
  import { define } from "@jelou/functions";
  export default define({
    description: "echo",
    handler: (input, _ctx) => ({ input, given: input !== undefined }),
  });
`;

const echoBody = `
  import { define, z } from "@jelou/functions";
  export default define({
    description: "echo",
    handler: async (input, _ctx, request) => {
      const type = request.headers.get("content-type") ?? "";
      const body = type.startsWith("multipart/") || type.includes("urlencoded")
        ? Object.fromEntries(await request.formData())
        : await request.text();
      return { input: input === undefined ? "none" : input, body };
    },
  });
`;

const strict = `
  import { define, z } from "@jelou/functions";
  export default define({
    description: "strict",
    input: z.object({ name: z.string(), n: z.coerce.number().default(1) }),
    handler: (input) => input,
  });
`;

function body(value: BodyInit, type: string | null, method = "POST"): RequestInit {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return { method, body: bytes, headers: type === null ? {} : { "content-type": type } };
}

Deno.test("the input is the JSON body, whatever the method and the flavour", async () => {
  await using worker = await Worker.serving(echo);
  for (const method of ["POST", "PUT", "PATCH", "DELETE"]) {
    for (const type of ["application/json", "Application/JSON; charset=utf-8", "application/ld+json", null]) {
      const response = await worker.invoke("/", body('{"a":[1,"ñ"]}', type, method));
      equal(await response.json(), { input: { a: [1, "ñ"] }, given: true });
    }
  }
});

Deno.test("a body that says JSON and is not is refused", async () => {
  await using worker = await Worker.serving(echo);
  const response = await worker.invoke("/", body("{nope", "application/json"));
  same(response.status, 400);
  equal(await response.json(), {
    error: "Invalid JSON",
    details: [{
      path: [],
      message: "The body is not JSON: a property name in double quotes is missing (line 1, column 2)",
      code: "custom",
    }],
  });
  equal((await worker.nextLog()).args, [
    "Request refused with 400: the body is not JSON: a property name in double quotes is missing (line 1, column 2)",
    { tool: "default", fields: [] },
  ]);
});

Deno.test("a byte order mark before JSON is no fault", async () => {
  await using worker = await Worker.serving(echo);
  for (const type of ["application/json", "text/plain", null]) {
    const response = await worker.invoke("/", body('\uFEFF{"a":1}', type));
    if (type === "text/plain") continue;
    equal((await response.json()).input, { a: 1 });
  }
  const wide = Uint8Array.from('\uFEFF{"a":1}', (character) => character.charCodeAt(0) & 255);
  const utf16 = new Uint8Array(wide.length * 2);
  for (const [index, character] of [...'\uFEFF{"a":1}'].entries()) {
    utf16[2 * index] = character.charCodeAt(0) & 255;
    utf16[2 * index + 1] = character.charCodeAt(0) >> 8;
  }
  const refused = await worker.invoke("/", body(utf16, "application/json"));
  match((await refused.json()).details[0].message, /it is not UTF-8/);
  const named = await worker.invoke("/", body(utf16, "application/json; charset=utf-16le"));
  equal((await named.json()).input, { a: 1 });
});

Deno.test("a body of the wrong type says how it was read, and how to send JSON", async () => {
  await using worker = await Worker.serving(strict);
  const form = "application/x-www-form-urlencoded";
  const read = `The body was read as a form, because its Content-Type is ${form}`;
  const cases: [type: string, content: string, message: string | null][] = [
    [form, "{'name':'Ana'}", `${read}. It looks like JSON, but texts and property names have double quotes`],
    [
      form,
      '{"name":"Ana",}',
      `${read}. It looks like JSON, but no comma may stand before } (line 1, column 15)`,
    ],
    [form, "name: Ana", `${read}, and has no name=value`],
    [form, "nombre=Ana", null],
    [form, '{"nombre":"Ana"}', null],
    [
      "text/plain",
      '{"name":"Ana",}',
      "its Content-Type is text/plain, and it is not JSON: no comma may stand before }",
    ],
    ["application/json", "", "The body is empty, but its Content-Type is JSON"],
    [
      "multipart/form-data; boundary=x",
      "--x--",
      "its Content-Type is multipart/form-data, which gives no input",
    ],
  ];
  for (const [type, content, message] of cases) {
    const response = await worker.invoke("/", body(content, type));
    same(response.status, 400);
    const { error, details } = await response.json();
    same(error, "Validation failed");
    same(details.at(-1).message, "Required");
    const line = await worker.nextLog();
    equal(line.args[1].tool, "default");
    equal(line.args[1].fields, ["name: invalid_type"]);
    if (message === null) {
      same(details.length, 1);
      same(line.args[0], "Request refused with 400: the input does not match the schema");
      continue;
    }
    same(details[0].message.includes(message), true, details[0].message);
    same(line.args[0].includes(message), true, line.args[0]);
    same(line.args[0].includes("Ana"), false, line.args[0]);
  }
});

Deno.test("the body of a GET is not read, and the 400 says so", async () => {
  await using worker = await Worker.serving(strict);
  using calls = await Calls.open(worker);
  const headers = { "content-type": "application/json", "content-length": "14" };
  await calls.send(request(1, { method: "GET", headers, body: '{"name":"Ana"}' }));
  const { details } = JSON.parse(text(await calls.next()));
  match(details[0].message, /^The body was not read, because the input of GET and HEAD is the query string/);
  same(details[1].message, "Required");
  await calls.send(request(2, { method: "GET" }));
  same(JSON.parse(text(await calls.next())).details.length, 1);
});

Deno.test("a multipart body without a boundary is refused before the handler", async () => {
  await using worker = await Worker.serving(echoBody);
  for (
    const type of ["multipart/form-data", "Multipart/Form-Data; charset=utf-8", "multipart/mixed; boundary="]
  ) {
    const response = await worker.invoke("/", body("--x--", type));
    same(response.status, 400);
    match((await response.json()).details[0].message, /has no boundary, so the body cannot be read/);
  }
});

Deno.test("refusals are counted when there are too many to log", async () => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", input: z.object({ name: z.string() }),
      handler: (_input, ctx) => ctx.log("called") });
  `);
  for (let call = 0; call < 30; call++) same((await worker.post({})).status, 400);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  same((await worker.post({})).status, 400);
  same((await worker.post({ name: "Ana" })).status, 204);
  const lines: string[] = [];
  for (let line = await worker.nextLog(); line.args[0] !== "called"; line = await worker.nextLog()) {
    lines.push(line.args[0]);
  }
  const counted = lines.filter((line) => /refused requests were not logged/.test(line));
  same(counted.length >= 1, true, lines.join());
  const dropped = counted.reduce((sum, line) => sum + parseInt(line), 0);
  same(lines.length - counted.length + dropped, 31);
});

Deno.test("a body without a type that is no JSON is left to the third argument", async () => {
  await using worker = await Worker.serving(echoBody);
  equal(await (await worker.invoke("/", body("{nope", null))).json(), { input: "none", body: "{nope" });
});

Deno.test("no body is an empty object", async () => {
  await using worker = await Worker.serving(echo);
  equal(await (await worker.invoke("/", { method: "POST" })).json(), { input: {}, given: true });
  equal(await (await worker.invoke("/", body("", "application/json"))).json(), { input: {}, given: true });
});

Deno.test("the input of GET and HEAD is the query string", async () => {
  await using worker = await Worker.serving(echo);
  const response = await worker.invoke("/a?x=1&tag=a&tag=b&tag=c&e=&__proto__=p&s=%C3%B1+o");
  const { input } = await response.json();
  same(JSON.stringify(input), '{"x":"1","tag":["a","b","c"],"e":"","__proto__":"p","s":"ñ o"}');
  // Plain queries take a faster path, which must give the same result.
  for (
    const query of [
      "a=1&b=2",
      "a",
      "a=",
      "=a",
      "a=b=c",
      "&&a=1&&b&",
      "a=1&a=2&a=3",
      "__proto__=1",
      "toString=1",
    ]
  ) {
    const plain = await (await worker.invoke(`/?${query}`)).json();
    const encoded = await (await worker.invoke(`/?${query}&%7A=z`)).json();
    same(JSON.stringify({ ...plain.input, z: "z" }), JSON.stringify(encoded.input), query);
  }
  const head = await worker.invoke("/a?x=1", { method: "HEAD" });
  same(head.status, 200);
  same(await head.text(), "");
});

Deno.test("the fields of a form are the input, and the body can still be read", async () => {
  await using worker = await Worker.serving(echoBody);
  const form = new URLSearchParams([["a", "1"], ["b", "2"], ["b", "3"]]);
  const response = await worker.invoke("/", { method: "POST", body: form });
  equal(await response.json(), { input: { a: "1", b: ["2", "3"] }, body: { a: "1", b: "3" } });
});

Deno.test("multipart, text and bytes reach the handler through its third argument", async () => {
  await using worker = await Worker.serving(echoBody);
  const form = new FormData();
  form.set("note", "hi");
  equal(await (await worker.invoke("/", { method: "POST", body: form })).json(), {
    input: "none",
    body: { note: "hi" },
  });
  equal(await (await worker.invoke("/", body("plain", "text/plain"))).json(), {
    input: "none",
    body: "plain",
  });
});

Deno.test("the third argument still has the body that was parsed, byte for byte", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async (input, ctx, request) =>
      ({ input, bytes: [...new Uint8Array(await request.arrayBuffer())] }) });
  `);
  const sent = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode('{"a": 1}\n')]);
  const response = await worker.invoke("/", body(sent, "application/json"));
  equal(await response.json(), { input: { a: 1 }, bytes: [...sent] });
});

Deno.test("a schema cannot be avoided with another content type", async () => {
  await using worker = await Worker.serving(strict);
  const form = new FormData();
  form.set("name", "Ana");
  for (const init of [body("x", "text/plain"), { method: "POST" }, { method: "POST", body: form }]) {
    const response = await worker.invoke("/", init);
    same(response.status, 400);
    const { details } = await response.json();
    equal(details.at(-1), { path: ["name"], message: "Required", code: "invalid_type" });
  }
  equal(await (await worker.invoke("/?name=Ana&n=4")).json(), { name: "Ana", n: 4 });
});

Deno.test("a scheduled run has no caller to blame for its input", async () => {
  await using worker = await Worker.serving(strict);
  const trigger = { type: "cron", cron: "0 9 * * *" };
  equal(await (await worker.invoke("/", { method: "POST" }, { trigger })).json(), {});
  const event = await worker.post({}, { trigger: { type: "event", event: {} } });
  same(event.status, 400);
});

Deno.test("a body of several megabytes is read whole", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (input) => ({ length: input.text.length }) });
  `);
  const text = "é".repeat(4_000_000);
  equal(await (await worker.post({ text })).json(), { length: text.length });
});

Deno.test("JSON of another type is the input of a function with a schema", async (test) => {
  await using worker = await Worker.serving(strict);
  const types = [
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/octet-stream",
    "text/json",
    "application/x-json",
    "json",
    "text/html",
    "application/x-ndjson",
    "application/csp-report",
    "application/x-amz-json-1.1",
    "application/x-www-form-urlencoded",
    null,
  ];
  for (const type of types) {
    await test.step(String(type), async () => {
      const response = await worker.invoke("/", body(' {"name":"Ana"}', type));
      equal(await response.json(), { name: "Ana", n: 1 });
    });
  }
  await test.step("over the call channel", async () => {
    using calls = await Calls.open(worker);
    await calls.send(request(1, { headers: { "content-type": "text/plain" }, body: '{"name":"Ana"}' }));
    equal(JSON.parse(text(await calls.next())), { name: "Ana", n: 1 });
  });
});

Deno.test("a body that is not read says so in the 400", async () => {
  await using worker = await Worker.serving(strict);
  const cases: [type: string, body: BodyInit, why: string][] = [
    ["text/plain", "hola", "and it is not JSON"],
    [
      "text/plain",
      "{nope",
      "and it is not JSON: a property name in double quotes is missing (line 1, column 2)",
    ],
    ["image/png", '{"name":"Ana"}', "which gives no input"],
    ["application/octet-stream", new Uint8Array([0, 159, 146]), "and it is not JSON"],
  ];
  for (const [type, content, why] of cases) {
    const response = await worker.invoke("/", body(content, type));
    same(response.status, 400);
    const { details } = await response.json();
    equal(details, [
      {
        path: [],
        message: `The body was not read: its Content-Type is ${type}, ${why}. Send JSON with the header ` +
          "`content-type: application/json` (curl: -H 'content-type: application/json')",
        code: "custom",
      },
      { path: ["name"], message: "Required", code: "invalid_type" },
    ]);
  }
});

Deno.test("without a schema a body of another type stays for the third argument", async () => {
  await using worker = await Worker.serving(echoBody);
  equal(await (await worker.invoke("/", body('{"a":1}', "text/plain"))).json(), {
    input: "none",
    body: '{"a":1}',
  });
});

Deno.test("a charset is honoured or refused", async () => {
  await using worker = await Worker.serving(echo);
  const latin1 = Uint8Array.from('{"a":"ñ"}', (character) => character.charCodeAt(0));
  const decoded = await worker.invoke("/", body(latin1, "application/json; charset=ISO-8859-1"));
  equal((await decoded.json()).input, { a: "ñ" });
  const quoted = await worker.invoke("/", body('{"a":"ñ"}', 'application/json; charset="UTF-8"; x=y'));
  equal((await quoted.json()).input, { a: "ñ" });
  // A client on Windows may send Latin-1 without a charset. Its letters must not become question marks.
  using calls = await Calls.open(worker);
  for (const text of ['{"a":"ñ"}', '{"teléfono":1}', '["\u00e9"]']) {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    const overHttp = await worker.invoke("/", body(bytes, "application/json"));
    same(overHttp.status, 400);
    match((await overHttp.json()).details[0].message, /it is not UTF-8: convert it, or name its charset/);
    await calls.send(request(1, { headers: { "content-type": "application/json" }, body: bytes }));
    same((await calls.next()).status, 400);
  }
  const replacement = await worker.invoke("/", body('{"a":"\uFFFD"}', "application/json"));
  equal((await replacement.json()).input, { a: "\uFFFD" });
  const unnamed = await worker.invoke("/", body('{"a":"ñ"}', "application/json; charset="));
  equal((await unnamed.json()).input, { a: "ñ" });
  // A form has a charset too: in its bytes and in its percent-encoded bytes.
  const form = Uint8Array.from("a=%F1+%zz%80&\xf1=b", (character) => character.charCodeAt(0));
  const type = "application/x-www-form-urlencoded; charset=";
  const fields = await worker.invoke("/", body(form, `${type}windows-1252`));
  equal((await fields.json()).input, { a: "ñ %zz€", ñ: "b" });
  const utf8 = await worker.invoke("/", body("a=%C3%B1", `${type}UTF-8`));
  equal((await utf8.json()).input, { a: "ñ" });
  const refused = await worker.invoke("/", body("{}", "application/json; charset=klingon"));
  equal([refused.status, await refused.json()], [415, { error: "Unsupported charset" }]);
});

Deno.test("a body with a coding is decoded, in the input and in the third argument", async (test) => {
  const { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } = await import(
    "node:zlib"
  );
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: async (input, _ctx, request) => ({ input, body: await request.text(),
      headers: [request.headers.get("content-encoding"), request.headers.get("content-length")] }) });
  `,
    { maxBodyBytes: 1000 },
  );
  using calls = await Calls.open(worker);
  const json = new TextEncoder().encode('{"a":"ñ"}');
  const codings: Record<string, Uint8Array> = {
    gzip: gzipSync(json),
    "x-gzip": gzipSync(json),
    deflate: deflateSync(json),
    Deflate: deflateRawSync(json),
    br: brotliCompressSync(json),
    zstd: zstdCompressSync(json),
    "gzip, br": brotliCompressSync(gzipSync(json)),
    identity: json,
  };
  const length = String(json.length);
  let id = 0;
  for (const [coding, bytes] of Object.entries(codings)) {
    for (const type of ["application/json", "text/plain"]) {
      await test.step(`${coding} of ${type}`, async () => {
        const headers = { "content-type": type, "content-encoding": coding };
        const none = coding === "identity" ? "identity" : null;
        const expected = {
          body: '{"a":"ñ"}',
          headers: [none, length],
          ...(type === "text/plain" ? {} : { input: { a: "ñ" } }),
        };
        const content = bytes.slice();
        const overHttp = await worker.invoke("/", { method: "POST", headers, body: content });
        equal(await overHttp.json(), expected);
        const held = { ...headers, "content-length": String(content.length) };
        await calls.send(request(++id, { headers: held, body: content }));
        equal(JSON.parse(text(await calls.next())), expected);
      });
    }
  }
});

Deno.test("a body that cannot be decoded is refused", async () => {
  const { gzipSync } = await import("node:zlib");
  const maxBodyTold = "limits.max_body_bytes = 1000, set for this function";
  const bodyMemoryTold = "limits.max_body_memory_mib = 102, the server's";
  await using worker = await Worker.serving(echo, { maxBodyBytes: 1000, maxBodyTold, bodyMemoryTold });
  const send = async (coding: string, bytes: Uint8Array, type = "application/json") => {
    const response = await worker.invoke("/", {
      method: "POST",
      headers: { "content-type": type, "content-encoding": coding },
      body: bytes.slice(),
    });
    return [response.status, await response.json(), response.headers.get("accept-encoding")];
  };
  const bomb = gzipSync(new Uint8Array(50_000_000));
  equal(await send("gzip", bomb), [413, { error: "Payload too large" }, null]);
  equal(await send("gzip", bomb, "text/plain"), [413, { error: "Payload too large" }, null]);
  equal(await send("gzip", new Uint8Array([1, 2, 3])), [400, { error: "Invalid content encoding" }, null]);
  const accepted = "gzip, deflate, br, zstd";
  equal(await send("snappy", bomb), [415, { error: "Unsupported content encoding" }, accepted]);
  equal(await send("gzip,gzip,gzip,gzip", bomb), [415, { error: "Unsupported content encoding" }, accepted]);
  const dense = gzipSync(new TextEncoder().encode("[".repeat(200)));
  equal(await send("gzip", dense), [413, { error: "Payload too large" }, null]);
  let logged = "";
  while (!logged.includes("too much memory")) logged += await worker.nextLine();
  equal([logged.includes(maxBodyTold), logged.includes(bodyMemoryTold)], [true, true]);
});

Deno.test("one value of a query or a form is a list where the schema wants one", async (test) => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", handler: (input) => input, input: z.object({
      ids: z.array(z.coerce.number().min(1)).optional(), both: z.union([z.string(), z.array(z.string())]).optional(),
      tags: z.array(z.string()).min(1).default(["none"]), name: z.string().optional() }) });
  `);
  const ok: Record<string, unknown> = {
    "ids=1": { ids: [1], tags: ["none"] },
    "ids=1&ids=2&tags=a": { ids: [1, 2], tags: ["a"] },
    "both=x&tags=a&name=n": { both: "x", tags: ["a"], name: "n" },
    // axios, jQuery and PHP name lists in this way.
    "ids[]=1&ids[]=2&tags=a": { ids: [1, 2], tags: ["a"] },
    "ids%5B%5D=3&ids=4": { ids: [4, 3], tags: ["none"] },
    "tags[]=a": { tags: ["a"] },
  };
  for (const [fields, expected] of Object.entries(ok)) {
    await test.step(fields, async () => {
      equal(await (await worker.invoke(`/?${fields}`)).json(), expected);
      const form = await worker.invoke("/", { method: "POST", body: new URLSearchParams(fields) });
      equal(await form.json(), expected);
    });
  }
  const low = await (await worker.invoke("/?ids=0")).json();
  equal(low.details.map(({ path, code }: { path: unknown; code: string }) => [path, code]), [[
    ["ids", 0],
    "too_small",
  ]]);
  // JSON can express a list, so a single value is not converted to a list.
  same((await worker.post({ ids: "1" })).status, 400);
  await test.step("a schema that has such a name itself", async () => {
    await using worker = await Worker.serving(`
      import { define, z } from "@jelou/functions";
      export default define({ description: "x", handler: (input) => input, input: z.object({
        "ids[]": z.union([z.string(), z.array(z.string())]), on: z.stringbool().optional() }) });
    `);
    equal(await (await worker.invoke("/?ids[]=1&on=false")).json(), { "ids[]": "1", on: false });
    equal(await (await worker.invoke("/?ids[]=1&on=0")).json(), { "ids[]": "1", on: false });
  });
});
