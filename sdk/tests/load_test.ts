import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
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
    body: JSON.stringify({ module: "" }),
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

Deno.test("a function reads the files in its folder, and no others", async () => {
  await using worker = await Worker.start();
  await Deno.mkdir(`${worker.files}/templates`);
  await Deno.writeTextFile(`${worker.files}/templates/hello.txt`, "hello");
  const bundle = `
    import { readFileSync } from "node:fs";
    import { createRequire } from "node:module";
    import { define } from "@jelou/functions";
    const atImport = Deno.readTextFileSync("templates/hello.txt");
    const url = new URL("./templates/hello.txt", import.meta.url);
    const refused = (attempt) => { try { return attempt(); } catch (error) { return error.name; } };
    export default define({
      description: "x",
      handler: async () => ({
        read: [
          atImport,
          await Deno.readTextFile(url),
          readFileSync("./templates/hello.txt", "utf8"),
          readFileSync(import.meta.dirname + "/templates/hello.txt", "utf8"),
          await (await fetch(url)).text(),
          [...Deno.readDirSync("templates")][0].name,
          createRequire(import.meta.url).resolve("./index.js") === import.meta.filename,
          Deno.cwd() === import.meta.dirname,
        ],
        refused: [
          refused(() => Deno.readTextFileSync("templates/../../x")),
          refused(() => readFileSync("../../etc/passwd", "utf8")),
          refused(() => Deno.writeTextFileSync(url, "x")),
          refused(() => Deno.writeTextFileSync("new", "x")),
          refused(() => Deno.removeSync(url)),
          refused(() => Deno.symlinkSync("/etc/passwd", "other")),
        ],
      }),
    });
  `;
  equal(await worker.load(bundle), { ok: true });
  const { read, refused } = await (await worker.invoke("/")).json();
  equal(read, ["hello", "hello", "hello", "hello", "hello", "hello.txt", true, true]);
  for (const outcome of refused) match(outcome, /^(NotFound|NotCapable|Error)$/);
});

/** Makes a blank worker compile a bundle. */
async function compile(worker: Worker, bundle: string): Promise<unknown> {
  await Deno.writeTextFile(`${worker.files}/index.js`, bundle);
  const body = JSON.stringify(`file://${worker.files}/index.js`);
  return await (await worker.send("/__jelou/compile", { method: "POST", body })).json();
}

Deno.test("a bundle with an error is not compiled, and the error is that of its import", async () => {
  await using worker = await Worker.start();
  equal(await compile(worker, "let b = ;"), { ok: false });
  const result = await worker.load("let b = ;");
  match(result.ok ? "" : result.error.message, /Expression expected/);
});

Deno.test("a bundle is compiled without being run, and can be loaded afterwards", async () => {
  await using worker = await Worker.start();
  const bundle = `
    import { define } from "@jelou/functions";
    console.log("run");
    globalThis.runs = (globalThis.runs ?? 0) + 1;
    await undefined;
    export default define({ description: "x", handler: () => globalThis.runs });
  `;
  equal(await compile(worker, bundle), { ok: true });
  same((await worker.send("/")).status, 503);
  const cache = new DatabaseSync(`${worker.folder}/deno/v8_code_cache_v2`, { readOnly: true });
  const rows = cache.prepare("SELECT specifier FROM codecache WHERE specifier LIKE '%/function/%'").all();
  cache.close();
  equal(rows.map((row) => row.specifier), [`file://${worker.files}/index.js`]);
  equal(await worker.load(bundle), { ok: true });
  equal((await worker.nextLog()).args, ["run"]);
  equal(await (await worker.invoke("/")).json(), 1);
});

Deno.test("a syntax error is an import failure with its position", async () => {
  const error = await refusal("const a = 1;\nlet b = ;");
  same(error.code, "IMPORT_FAILED");
  match(error.message, /^The module cannot be imported: .*Expression expected/s);
  match(error.stack!, /\/function\/index\.js:2:9/);
});

Deno.test("a module that throws is an import failure with its stack and none of the worker's paths", async () => {
  const error = await refusal('function setUp() { throw new Error("no luck"); }\nsetUp();');
  same(error.code, "IMPORT_FAILED");
  same(error.message, "The module cannot be imported: no luck");
  match(error.stack!, /Error: no luck\n {4}at setUp \(file:.*\/function\/index\.js:1:26\)/);
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

Deno.test("a default export that handles nothing is refused", async () => {
  for (const [value, kind] of [["{ handler() {} }", "a plain object"], ["7", "a number"], ["null", "null"]]) {
    const error = await refusal(`export default ${value};`);
    same(error.code, "INVALID_DEFINITION");
    match(error.message, new RegExp(`The default export is ${kind} without a function .fetch.`));
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
