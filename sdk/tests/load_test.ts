import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

const valid = `
  import { define } from "@jelou/functions";
  export default define({ description: "x", handler: () => "loaded" });
`;

/** Loads a bundle that must be refused, and returns the refusal. */
async function refusal(bundle: string) {
  await using worker = await Worker.start();
  const result = await worker.load(bundle);
  if (result.ok) throw new Error("the bundle was loaded");
  return result.error;
}

Deno.test("a blank worker refuses requests, becomes a function once, and serves it", async () => {
  await using worker = await Worker.start();
  const early = await worker.send("/");
  same(early.status, 503);
  equal(await early.json(), { error: "Function unavailable" });
  equal(await worker.load(valid), { ok: true });
  equal(await (await worker.invoke("/")).json(), "loaded");
  const again = await worker.invoke("/__jelou/load", {
    method: "POST",
    body: JSON.stringify({ bundle: "" }),
  });
  same(again.status, 200);
  equal(await again.json(), "loaded");
});

Deno.test("a rehearsal leaves nothing of itself to the function that comes after it", async () => {
  await using worker = await Worker.start();
  for (let rehearsal = 0; rehearsal < 2; rehearsal++) {
    const rehearsed = await worker.send("/__jelou/rehearse", { method: "POST", body: "{}" });
    equal([rehearsed.status, await rehearsed.json()], [200, { ok: true }]);
    same((await worker.send("/")).status, 503);
  }
  const bundle = `
    import { define } from "@jelou/functions";
    const found = [typeof gc, "NAME" in process.env, performance.getEntries().length];
    export default define({
      description: "x",
      handler: (_, ctx) => {
        ctx.log("called");
        return { found, slug: ctx.functionSlug, env: ctx.env.toObject(), company: ctx.company };
      },
    });
  `;
  equal(await worker.load(bundle, { env: { SECRET: "s" } }), { ok: true });
  equal(await (await worker.invoke("/")).json(), {
    found: ["undefined", false, 0],
    slug: "mi-funcion",
    env: { SECRET: "s" },
    company: { id: "company-1", name: "Acme" },
  });
  equal((await worker.nextLog()).function, "mi-funcion");
  // A function cannot make its worker run the rehearsal or load a function again.
  const late = await worker.invoke("/__jelou/rehearse", { method: "POST", body: "{}" });
  same((await late.json()).slug, "mi-funcion");
});

Deno.test("a syntax error is an import failure with its position", async () => {
  const error = await refusal("const a = 1;\nlet b = ;");
  same(error.code, "IMPORT_FAILED");
  match(error.message, /^The module cannot be imported: .*Expression expected/s);
  match(error.stack!, /blob:null\/[0-9a-f-]+:2:9/);
});

Deno.test("a module that throws is an import failure with its stack and none of the worker's paths", async () => {
  const error = await refusal('function setUp() { throw new Error("no luck"); }\nsetUp();');
  same(error.code, "IMPORT_FAILED");
  same(error.message, "The module cannot be imported: no luck");
  match(error.stack!, /Error: no luck\n {4}at setUp \(blob:null\/[0-9a-f-]+:1:26\)/);
  same(error.stack!.includes("worker.js"), false);
});

Deno.test("a missing package is an import failure that names it", async () => {
  const error = await refusal('import "lodash";');
  same(error.code, "IMPORT_FAILED");
  match(error.message, /lodash/);
});

Deno.test("a missing default export is named, with what there is", async () => {
  const error = await refusal("export const handler = () => 1;");
  same(error.code, "NO_DEFAULT_EXPORT");
  match(error.message, /export default define\(.*It exports only: handler\./s);
});

Deno.test("a default export that define() did not make is refused", async () => {
  for (
    const [value, kind] of [["{ handler() {} }", "a plain object"], ["() => 1", "a JavaScript function"], [
      "null",
      "null",
    ]]
  ) {
    const error = await refusal(`export default ${value};`);
    same(error.code, "INVALID_DEFINITION");
    match(error.message, new RegExp(`The default export is ${kind}.*Wrap it`));
  }
});

Deno.test("a definition without a handler is refused", async () => {
  const error = await refusal(
    'import { define } from "@jelou/functions"; export default define({ description: "x" });',
  );
  equal(error, {
    code: "INVALID_DEFINITION",
    message: "define() needs a `handler` function, and has undefined.",
    stack: null,
  });
});

Deno.test("a tool that define() did not make is refused", async () => {
  const error = await refusal(
    'import { app } from "@jelou/functions"; export default app({ tools: { a: {} } });',
  );
  same(error.code, "INVALID_DEFINITION");
  match(error.message, /tool "a"/);
});

Deno.test("stack traces name the author's file when the source map does", async () => {
  const map = { version: 3, sources: ["function:///orders/index.ts"], names: [], mappings: "AAAA" };
  const url = `data:application/json;base64,${btoa(JSON.stringify(map))}`;
  const error = await refusal(`throw new Error("mapped");\n//# sourceMappingURL=${url}\n`);
  match(error.stack!, /at orders\/index\.ts:1:1/);
});
