import { deepEqual as equal, strictEqual as same } from "node:assert/strict";
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
  same(await response.text(), '{"error":"Invalid JSON"}');
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
  // Plain queries take a shorter way, which must be the same one.
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
    equal((await response.json()).details, [{ path: ["name"], message: "Required", code: "invalid_type" }]);
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
