import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { Worker } from "./worker.ts";

Deno.test("secrets are readable in every way to the environment", async () => {
  const ways =
    `() => [process.env.KEY, globalThis.process.env.KEY, env.KEY, whole.env.KEY, bare.env.KEY, require("process").env.KEY,
    { ...process.env }.KEY, Deno.env.get("KEY"), Deno.env.toObject().KEY, Object.entries(env).find(([key]) => key === "KEY")?.[1],
    JSON.parse(JSON.stringify(process.env)).KEY]`;
  await using worker = await Worker.serving(
    `
    import { env } from "node:process";
    import * as whole from "node:process";
    import bare from "process";
    import { createRequire } from "node:module";
    import { define } from "@jelou/functions";
    const require = createRequire("file:///index.js");
    const ways = ${ways};
    const atImport = ways();
    export default define({ description: "x", handler: (_input, ctx) => ({ atImport, later: ways(), keys: Object.keys(process.env),
      has: ["KEY" in process.env, Deno.env.has("KEY"), process.env.hasOwnProperty("KEY"), "NONE" in process.env, Deno.env.has("toString")],
      none: [typeof process.env.NONE, typeof Deno.env.get("NONE"), typeof Deno.env.get("toString")], ctx: ctx.env.get("KEY") }) });
  `,
    { env: { KEY: "value", __FN_HIDDEN: "x" } },
  );
  const { atImport, later, ...rest } = await (await worker.post({})).json();
  equal(atImport, Array(11).fill("value"));
  equal(later, atImport);
  equal(rest, {
    keys: ["NODE_ENV", "KEY"],
    has: [true, true, true, false, false],
    none: ["undefined", "undefined", "undefined"],
    ctx: "value",
  });
});

Deno.test("writes stay in the process, become text and leave ctx.env alone", async () => {
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    const attempt = (code) => { try { return code(); } catch (error) { return error.name; } };
    export default define({ description: "x", handler: (_input, ctx) => {
      process.env.NUMBER = 5; Deno.env.set("TEXT", "t"); Object.assign(process.env, { NONE: undefined });
      const deleted = [delete process.env.KEY, Deno.env.delete("OTHER")];
      return [process.env.NUMBER, Deno.env.get("NUMBER"), process.env.TEXT, process.env.NONE, deleted[0], process.env.KEY === undefined,
        "OTHER" in process.env, ctx.env.get("KEY"), attempt(() => process.env.SYMBOL = Symbol("x")), attempt(() => process.env[Symbol.iterator])];
    } });
  `,
    { env: { KEY: "value", OTHER: "other" } },
  );
  equal(await (await worker.post({})).json(), [
    ...["5", "5", "t", "undefined", true, true, false, "value", "TypeError"],
    null,
  ]);
});

Deno.test("a function can turn the environment off", async () => {
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: (_input, ctx) => [{ ...process.env }, Deno.env.toObject(), ctx.env.get("KEY")] });
  `,
    { env: { KEY: "value" }, processEnv: false },
  );
  equal(await (await worker.post({})).json(), [
    { NODE_ENV: "production" },
    { NODE_ENV: "production" },
    "value",
  ]);
});

Deno.test("no secret is in the environment of the operating system", async () => {
  await using worker = await Worker.serving(
    `
    import { define } from "@jelou/functions";
    process.env.WRITTEN = "written"; Deno.env.set("ALSO", "also");
    export default define({ description: "x", handler: () => 1 });
  `,
    { env: { KEY: "value" } },
  );
  equal(await (await worker.post({})).json(), 1);
  const environment = await Deno.readTextFile(`/proc/${worker.pid}/environ`);
  same(/KEY|WRITTEN|ALSO/.test(environment), false, environment);
});

Deno.test("a function runs in UTC, or in the time zone of TZ", async () => {
  const bundle = `
    import { define } from "@jelou/functions";
    const zone = () => [new Date(0).getHours(), Intl.DateTimeFormat().resolvedOptions().timeZone];
    const atImport = zone();
    export default define({ description: "x", handler: ({ set }) => {
      if (set) process.env.TZ = set;
      return [atImport, zone()];
    } });
  `;
  await using plain = await Worker.serving(bundle);
  equal(await (await plain.post({})).json(), [[0, "UTC"], [0, "UTC"]]);
  equal((await (await plain.post({ set: "Asia/Tokyo" })).json())[1], [9, "Asia/Tokyo"]);
  await using secret = await Worker.serving(bundle, { env: { TZ: "America/Guayaquil" } });
  equal((await (await secret.post({})).json())[0], [19, "America/Guayaquil"]);
});

/** Modules that fail because a secret is missing, with the explanation. */
const FAILING: readonly [code: string, ...expected: RegExp[]][] = [
  [
    `const url = new URL(process.env.DATABASE_URL);`,
    /^The module cannot be imported: Invalid URL: 'undefined'\nIt has read secrets that are not set:\n {2}DATABASE_URL, at file:.*:2:\d+\nTo set them: jelou secrets set mi-funcion DATABASE_URL=\.\.\.$/,
  ],
  [
    `import { env } from "node:process";
    const unrelated = env.OTHER; if (!env.API_KEY) throw new Error("Set the API_KEY environment variable");`,
    /not set:\n {2}API_KEY, at file:.*:3:\d+\nTo set them: jelou secrets set mi-funcion API_KEY=\.\.\.$/,
  ],
  [`const client = Deno.env.get("TOKEN").trim();`, /not set:\n {2}TOKEN, at file:.*:2:\d+\nTo set/],
];

Deno.test("an import that fails names the secrets that are missing, and how to set them", async () => {
  for (const [code, expected] of FAILING) {
    await using worker = await Worker.start({ network: false });
    const loaded = await worker.load(
      `
    ${code}
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler() {} });
  `,
      { mode: "inspect", env: { SET: "value" } },
    );
    match((loaded as { error: { message: string } }).error.message, expected!);
  }
});

Deno.test("an import of a deployed function that fails names the secrets without their position", async () => {
  await using worker = await Worker.start({ network: false });
  const loaded = await worker.load(`export default { url: new URL(process.env.DATABASE_URL) };`, {
    mode: "serve",
  });
  match(
    (loaded as { error: { message: string } }).error.message,
    /not set:\n {2}DATABASE_URL\nTo set them: jelou secrets set mi-funcion DATABASE_URL=\.\.\.$/,
  );
});

Deno.test("in development, errors name the file with the secrets", async () => {
  const development = { mode: "develop", envFile: "../local.env" } as const;
  await using failing = await Worker.start();
  const loaded = await failing.load(
    `export default { url: new URL(process.env.DATABASE_URL) };`,
    development,
  );
  match(
    (loaded as { error: { message: string } }).error.message,
    /DATABASE_URL, at file:.*\nTo set them, add to \.\.\/local\.env: DATABASE_URL=\.\.\.$/,
  );
  await using worker = await Worker.start();
  const web =
    `export default { fetch: (_, env) => new Response(env.KEY.length + Deno.env.get("OTHER").length) };`;
  same((await worker.load(web, development)).ok, true);
  await (await worker.post({})).body?.cancel();
  match(
    (await worker.nextLog()).args.at(-1),
    /^env\.KEY is not set\. If it is a secret, add to \.\.\/local\.env: KEY=\.\.\.\nBindings/,
  );
});

Deno.test("an import that fails for another reason names no secrets", async () => {
  await using worker = await Worker.start({ network: false });
  const loaded = await worker.load(
    `
    const { SET } = process.env; if (process.env.NODE_DEBUG || process.env.HOME) console.log(SET);
    throw new Error("other");
  `,
    { mode: "inspect", env: { SET: "value" } },
  );
  same((loaded as { error: { message: string } }).error.message, "The module cannot be imported: other");
});

Deno.test("the import at deploy sees the secrets", async () => {
  await using worker = await Worker.start({ network: false });
  const loaded = await worker.load(
    `
    import { define } from "@jelou/functions";
    const host = new URL(process.env.DATABASE_URL).host;
    export default define({ description: host, handler() {} });
  `,
    { mode: "inspect", env: { DATABASE_URL: "postgres://db.internal/x" } },
  );
  // deno-lint-ignore no-explicit-any -- the manifest is JSON here
  same(loaded.ok && (loaded.manifest as any).description, "db.internal");
});

Deno.test("a request that fails after it read an unset secret leaves one hint", async () => {
  await using worker = await Worker.serving(`
    import { define } from "@jelou/functions";
    export default define({ description: "x", handler: ({ fail }, ctx) => {
      if (fail) return ctx.env.get("PAYMENT_KEY").trim();
      return { fine: process.env.OPTIONAL ?? true };
    } });
  `);
  same((await (await worker.post({})).json()).fine, true);
  for (let call = 0; call < 2; call++) await (await worker.post({ fail: true })).body?.cancel();
  same((await worker.nextLog()).level, "ERROR");
  const hint = await worker.nextLog();
  same(hint.level, "WARN");
  match(
    hint.args[0],
    /^The request failed\. It has read secrets that are not set:\n {2}PAYMENT_KEY, at file:.*\nTo set them: jelou secrets set mi-funcion PAYMENT_KEY=\.\.\.$/,
  );
  same((await worker.nextLog()).level, "ERROR");
  await (await worker.post({ fail: true })).body?.cancel();
  same((await worker.nextLog()).level, "ERROR");
});
