import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import type { Manifest } from "../src/inspect/manifest.ts";
import { inspect } from "./inspect.ts";

Deno.test("what JSON Schema cannot express is shown as well as it can be, with a warning", async () => {
  const result = await inspect(`app({ tools: { t: define({ description: "x", handler() {},
    input: z.object({ at: z.date(), when: z.coerce.date().optional(), big: z.bigint(), file: z.instanceof(Uint8Array),
      list: z.array(z.object({ m: z.map(z.string(), z.date()) })), t: z.string().transform((s) => s.length) }),
    output: z.date() }) } })`);
  if (!result.ok) throw new Error(result.error.message);
  const [tool] = (result.manifest as Manifest).tools;
  const dateTime = { type: "string", format: "date-time" };
  const { properties } = tool!.inputSchema as { properties: Record<string, unknown> };
  equal([properties.at, properties.when, properties.big, properties.file], [dateTime, dateTime, {}, {}]);
  equal(properties.t, { type: "string" });
  equal({ ...tool!.outputSchema, $schema: undefined }, { ...dateTime, $schema: undefined });
  const warnings = result.warnings!;
  const starts = ["at", "when", "big", "file", "list.*.m"].map((path) => `at input.${path};`);
  for (const start of starts) {
    same(warnings.filter((text) => text.includes(start)).length, 1, `${start}\n${warnings}`);
  }
  same(warnings.every((text) => /^tool "t": JSON (Schema )?cannot express/.test(text)), true);
  match(warnings.at(-1)!, /a Date at output; it is shown as a string of format "date-time"/);
});

Deno.test("what no caller can send is warned of, with what to write", async () => {
  const warningsOf = async (code: string) => {
    const result = await inspect(code);
    if (!result.ok) throw new Error(result.error.message);
    return result.warnings!.join("\n");
  };
  const input =
    "z.object({ at: z.date(), n: z.bigint().optional(), on: z.coerce.boolean(), ok: z.coerce.date() })";
  const told = await warningsOf(`define({ description: "x", input: ${input}, handler() {} })`);
  match(told, /JSON cannot express a Date, so no caller can send input\.at; use z\.coerce\.date\(\) instead/);
  match(told, /no caller can send input\.n; use z\.coerce\.bigint\(\) instead/);
  match(told, /input\.on is z\.coerce\.boolean\(\), which converts every text to true, .*z\.stringbool\(\)/);
  same(told.includes("send input.ok"), false);
  const parts =
    "at: z.array(z.date()), by: z.record(z.string(), z.date()), when: z.date().nullable(), s: z.symbol(), " +
    "m: z.map(z.string(), z.int()), f: z.file()";
  const others = await warningsOf(
    `define({ description: "x", input: z.object({ ${parts} }), config: { methods: ["POST"] }, handler() {} })`,
  );
  for (const path of ["at.*", "by.*", "when", "s", "m", "f"]) {
    same(others.includes(`so no caller can send input.${path}; use `), true, `${path}\n${others}`);
  }
  match(
    await warningsOf(`define({ description: "x", input: z.void(), handler() {} })`),
    /JSON cannot express void, so no caller can send input; use a definition without `input` instead/,
  );
  const posted = await warningsOf(
    `define({ description: "x", input: ${input}, output: z.date(), config: { methods: ["POST"] }, handler() {} })`,
  );
  same(/stringbool|send output/.test(posted), false, posted);
  const got = await warningsOf(
    `define({ description: "x", config: { methods: ["GET"] }, handler() {}, input: z.object({
      n: z.number(), i: z.int().optional(), b: z.boolean(), o: z.object({ deep: z.string() }), l: z.array(z.number()),
      c: z.coerce.number(), p: z.preprocess(Number, z.number()), u: z.union([z.number(), z.string()]), s: z.stringbool() }) })`,
  );
  const named = [...got.matchAll(/no caller over HTTP can send (.+) at (\S+); use (\S+)/g)];
  equal(named.map(([, what, path, instead]) => `${path} ${what}: ${instead}`), [
    "input.n a number: z.coerce.number()",
    "input.i a number: z.coerce.number()",
    "input.b a boolean: z.stringbool()",
    "input.o an object: fields",
    "input.l.* a number: z.coerce.number()",
  ]);
});

const OF_ARGUMENTS =
  "and with it every tool of their request: the name of an argument is 1 to 64 letters of a to z, " +
  "digits, _, . and -";

Deno.test("what MCP clients are known not to take is warned of", async () => {
  const result = await inspect(
    `app({ tools: {
      tree: define({ description: "x", input: z.object({ get children() { return z.array(Node); } }), handler() {} }),
      quiet: define({ description: "x", input: Node, config: { mcp: false }, handler() {} }),
      shared: define({ description: "x", input: z.object({ a: Leaf, b: Leaf }), handler() {} }),
      ${"n".repeat(50)}: define({ description: "x", handler() {} }),
      words: define({ description: "x", handler() {},
        input: z.object({ "teléfono": z.string(), año: z.int(), "order-id": z.string(), inner: z.object({ ñ: z.int() }) }) }),
      either: define({ description: "x", handler() {},
        input: z.union([z.object({ "a b": z.int() }), z.object({ ["k".repeat(65)]: z.int(), "v1.2": z.int() })]) }),
    } })`,
    `const Node = z.object({ name: z.string(), get children() { return z.array(Node).optional(); } });
    const Leaf = z.object({ x: z.string() }).meta({ id: "Leaf" });`,
  );
  if (!result.ok) throw new Error(result.error.message);
  equal(result.warnings, [
    'tool "tree": `input` contains itself, which some MCP clients cannot follow. Limit its depth, or set `config.mcp` to false',
    `tool "${"n".repeat(50)}": MCP clients call it mcp__mi-funcion__${
      "n".repeat(50)
    }, which has 67 characters, and model ` +
    "APIs take 64. Set a shorter `name`",
    `tool "words": some model APIs refuse \`teléfono\`, \`año\`, ${OF_ARGUMENTS}`,
    `tool "either": some model APIs refuse \`a b\`, \`${"k".repeat(65)}\`, ${OF_ARGUMENTS}`,
  ]);
});
