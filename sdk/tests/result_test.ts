import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

/** A function with one handler for each named result. */
const results = `
  import { define, response } from "@jelou/functions";
  const cycle = {}; cycle.self = cycle;
  const spent = new Response("once");
  const handlers = {
    object: () => ({ a: 1 }),
    text: () => "hola",
    number: () => 0,
    false: () => false,
    undefined: () => undefined,
    null: () => null,
    created: () => response.status(201).header("Location", "/orders/7").json({ id: 7 }),
    jsonType: () => response.header("content-type", "application/problem+json").json({}),
    builder: () => response,
    accepted: () => response.status(202),
    builderText: () => response.text("plain"),
    builderHtml: () => response.html("<p>"),
    redirect: () => response.redirect("/there", 307),
    empty: () => response.status(404).empty(),
    noContent: () => response.status(204).json({ ignored: true }),
    cookies: () => response.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2").header("X-A", "1").header("x-a", "2").text(""),
    web: () => new Response("teapot", { status: 418, headers: { "x-own": "yes" } }),
    throws: () => { throw new TypeError("bad thing", { cause: new Error("root") }); },
    rejects: async () => { await 0; throw "a string"; },
    bigint: () => ({ n: 1n }),
    cycle: () => cycle,
    function: () => () => 1,
    spent: async () => { await spent.text().catch(() => {}); return spent; },
  };
  export default define({ description: "x", handler: (_input, ctx) => handlers[ctx.path.slice(1)]() });
`;

Deno.test("results become responses", async (test) => {
  await using worker = await Worker.serving(results);
  const call = async (name: string) => {
    const response = await worker.invoke(`/${name}`);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const answers: Record<string, [status: number, text: string, type?: string | null]> = {
    object: [200, '{"a":1}', "application/json"],
    text: [200, '"hola"', "application/json"],
    number: [200, "0", "application/json"],
    false: [200, "false", "application/json"],
    undefined: [204, "", null],
    null: [204, "", null],
    jsonType: [200, "{}", "application/problem+json"],
    builder: [204, ""],
    accepted: [202, ""],
    builderText: [200, "plain", "text/plain; charset=utf-8"],
    builderHtml: [200, "<p>", "text/html; charset=utf-8"],
    empty: [404, ""],
    noContent: [204, ""],
  };
  for (const [name, [status, text, type]] of Object.entries(answers)) {
    await test.step(name, async () => {
      const answer = await call(name);
      same(answer.status, status);
      same(answer.text, text);
      if (type !== undefined) same(answer.headers.get("content-type"), type);
    });
  }
  await test.step("status and headers", async () => {
    const created = await call("created");
    same(created.status, 201);
    same(created.headers.get("location"), "/orders/7");
    same(created.text, '{"id":7}');
    const redirect = await call("redirect");
    same(redirect.status, 307);
    same(redirect.headers.get("location"), "/there");
    const cookies = await call("cookies");
    equal(cookies.headers.getSetCookie(), ["a=1", "b=2"]);
    same(cookies.headers.get("x-a"), "2");
  });
  await test.step("a web response passes as it is", async () => {
    const web = await call("web");
    same(web.status, 418);
    same(web.text, "teapot");
    same(web.headers.get("x-own"), "yes");
  });
});

Deno.test("what goes wrong is answered with 500 and told in the log", async (test) => {
  await using worker = await Worker.serving(results);
  const reasons: Record<string, RegExp> = {
    throws: /bad thing/,
    rejects: /a string/,
    bigint: /BigInt/,
    cycle: /circular/i,
    function: /The result is a function, which JSON cannot express; call it/,
    spent: /body/i,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    await test.step(name, async () => {
      const response = await worker.invoke(`/${name}`);
      same(response.status, 500);
      same(await response.text(), '{"error":"Internal function error"}');
      const line = await worker.nextLog();
      same(line.level, "ERROR");
      match(JSON.stringify(line.args), reason);
      if (name === "throws") {
        match(line.args[0].stack, /^TypeError: bad thing\n {4}at .*\/function\/index\.js:\d+:\d+/);
        same(line.args[0].cause.message, "root");
      }
      if (name === "spent") { while ((await worker.invoke("/object")).status !== 200); }
    });
  }
});

Deno.test("an output that does not match is logged and still sent", async () => {
  await using worker = await Worker.serving(`
    import { define, response, z } from "@jelou/functions";
    const results = { good: { ok: true, extra: 1 }, bad: { ok: "yes" }, built: response.json({ ok: 1 }),
      failed: response.status(409).json({ reason: "taken" }), web: new Response("as it is") };
    export default define({ description: "x", output: z.object({ ok: z.boolean() }),
      handler: (_input, ctx) => results[ctx.path.slice(1)] });
  `);
  for (const quiet of ["good", "failed", "web"]) await (await worker.invoke(`/${quiet}`)).text();
  equal(await (await worker.invoke("/good")).json(), { ok: true, extra: 1 });
  for (const name of ["bad", "built"]) {
    const response = await worker.invoke(`/${name}`);
    same(response.status, 200);
    await response.text();
    const line = await worker.nextLog();
    same(line.level, "WARN");
    same(line.args[0], "The result does not match the output schema");
    same(line.args[1].details[0].code, "invalid_type");
  }
});

Deno.test("a tool of an app is called by its key", async () => {
  await using worker = await Worker.serving(`
    import { app, define, z } from "@jelou/functions";
    export default app({ tools: {
      sendEmail: define({ description: "x", input: z.object({ to: z.string() }), handler: ({ to }) => "to " + to }),
      "leer buzón": define({ description: "y", handler: (_, ctx) => ctx.params.id }),
    } });
  `);
  equal(await (await worker.post({ to: "Ana" }, { tool: "sendEmail" })).json(), "to Ana");
  const meta = { tool: "leer buzón", params: { id: "7/ñ" } };
  equal(await (await worker.post({}, meta)).json(), "7/ñ");
  const unknown = await worker.post({}, { tool: "toString" });
  same(unknown.status, 500);
  await unknown.body?.cancel();
});

Deno.test("headers with characters that HTTP does not have are refused where they are set", async (test) => {
  await using worker = await Worker.serving(`
    import { define, response } from "@jelou/functions";
    const attempt = (name, value) => { try { response.header(name, value); return null; } catch (error) { return error.message; } };
    export default define({ description: "x", handler: (input, ctx) =>
      input.to === undefined ? attempt(input.name, input.value) : response.redirect(input.to) });
  `);
  const refusals: [name: string, value: string, RegExp][] = [
    [
      "Content-Disposition",
      'attachment; filename="📄.pdf"',
      /"📄" \(U\+1F4C4\) at 22, .* filename\*=UTF-8''/,
    ],
    [
      "X-Name",
      "José",
      /response\.header\("X-Name"\): the value has the character "é" \(U\+00E9\) at 3, .*encode it/,
    ],
    ["X-Line", "a\r\nb: c", /"\\r" \(U\+000D\) at 1/],
    ["Añadido", "x", /takes a name of letters, digits and -, and got "Añadido"/],
    ["a b", "x", /got "a b"/],
    ["", "x", /got ""/],
  ];
  for (const [name, value, reason] of refusals) {
    match(await (await worker.post({ name, value })).json(), reason);
  }
  same(await (await worker.post({ name: "X-Ok", value: 'a, b; c="d"\t~' })).json().catch(() => null), null);
  const redirects: Record<string, string> = {
    "/año/📄?q=ñ#ü": "/a%C3%B1o/%F0%9F%93%84?q=%C3%B1#%C3%BC",
    "/encoded%20/a b\r\nSet-Cookie: x": "/encoded%20/a%20b%0D%0ASet-Cookie:%20x",
    "https://a.example/%C3%B1?a=b&c=d": "https://a.example/%C3%B1?a=b&c=d",
    "/\ud800": "/%EF%BF%BD",
  };
  for (const [to, location] of Object.entries(redirects)) {
    await test.step(to, async () => {
      const response = await worker.post({ to });
      equal([response.status, response.headers.get("location")], [302, location]);
    });
  }
});
