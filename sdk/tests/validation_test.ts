import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { build, stop } from "esbuild";
import { Worker } from "./worker.ts";

/** A module with one schema as its input. The module returns the handler's input. */
const echo = (schema: string, imports = 'import { z } from "@jelou/functions";') => `
  import { define } from "@jelou/functions";
  ${imports}
  export default define({ description: "echo", input: ${schema}, handler: (input) => ({ input }) });
`;

/** Bundles a module with its imported packages, like a deploy. */
async function bundled(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL("..", import.meta.url).pathname },
    bundle: true,
    write: false,
    format: "esm",
    external: ["@jelou/functions"],
  });
  return outputFiles[0]!.text;
}

async function details(worker: Worker, input: unknown) {
  const response = await worker.post(input);
  same(response.status, 400);
  same(response.headers.get("content-type"), "application/json");
  const body = await response.json();
  equal(Object.keys(body), ["error", "details"]);
  same(body.error, "Validation failed");
  return body.details;
}

Deno.test("the answer to an invalid input is exactly the contract's", async () => {
  await using worker = await Worker.serving(
    echo(`z.object({
      email: z.string().email(),
      name: z.string().min(1),
      age: z.number(),
      role: z.enum(["admin", "user"]),
      deep: z.array(z.object({ kind: z.literal("a") })),
      own: z.string().min(3, "too short for us"),
    })`),
  );
  const input = { email: "nope", name: "", role: "root", deep: [{ kind: "b" }], own: "x" };
  const response = await worker.post(input);
  same(
    await response.text(),
    JSON.stringify({
      error: "Validation failed",
      details: [
        { path: ["email"], message: "Invalid email", code: "invalid_string" },
        { path: ["name"], message: "String must contain at least 1 character(s)", code: "too_small" },
        { path: ["age"], message: "Required", code: "invalid_type" },
        {
          path: ["role"],
          message: "Invalid enum value. Expected 'admin' | 'user', received 'root'",
          code: "invalid_enum_value",
        },
        {
          path: ["deep", 0, "kind"],
          message: 'Invalid literal value, expected "a"',
          code: "invalid_literal",
        },
        { path: ["own"], message: "too short for us", code: "too_small" },
      ],
    }),
  );
});

Deno.test("a valid input reaches the handler transformed and stripped", async () => {
  await using worker = await Worker.serving(
    echo(`z.object({ n: z.string().transform(Number), d: z.string().default("usual") })`),
  );
  const response = await worker.post({ n: "7", extra: true });
  equal(await response.json(), { input: { n: 7, d: "usual" } });
});

Deno.test("a locale does not change the words that callers match on", async () => {
  await using worker = await Worker.serving(
    echo(
      `z.object({ email: z.email(), own: z.string("¿Qué?") })`,
      `
      import { z } from "@jelou/functions"; z.config(z.locales.es());`,
    ),
  );
  equal(await details(worker, { email: "x" }), [
    { path: ["email"], message: "Invalid email", code: "invalid_string" },
    { path: ["own"], message: "¿Qué?", code: "invalid_type" },
  ]);
});

Deno.test("asynchronous refinements are awaited", async () => {
  await using worker = await Worker.serving(
    echo(`z.object({ code: z.string().refine(async (code) => code === "good", "Unknown code") })`),
  );
  equal(await details(worker, { code: "bad" }), [{
    path: ["code"],
    message: "Unknown code",
    code: "custom",
  }]);
  equal(await (await worker.post({ code: "good" })).json(), { input: { code: "good" } });
});

Deno.test("a schema that throws is an internal error, in the log only", async () => {
  await using worker = await Worker.serving(
    echo(`z.string().transform(() => { throw new Error("inside the schema"); })`),
  );
  const response = await worker.post("x");
  same(response.status, 500);
  equal(await response.json(), { error: "Internal function error" });
  const line = await worker.nextLog();
  same(line.level, "ERROR");
  same(line.args[0].message, "inside the schema");
});

Deno.test("sides of an intersection that do not fit are an issue", async () => {
  await using worker = await Worker.serving(
    echo(`z.intersection(z.string().transform(() => 1), z.string().transform(() => 2))`),
  );
  equal(await details(worker, "x"), [
    { path: [], message: "Intersection results could not be merged", code: "invalid_intersection_types" },
  ]);
});

Deno.test("what is wrong with a record's key is told in place", async () => {
  await using worker = await Worker.serving(echo(`z.record(z.string().email(), z.number())`));
  equal(await details(worker, { nope: 1 }), [{
    path: ["nope"],
    message: "Invalid email",
    code: "invalid_string",
  }]);
});

Deno.test("schemas of other libraries are taken", async (test) => {
  try {
    await test.step("another copy of Zod 4 gets the same words", async () => {
      const module = await bundled(echo(`z.object({ email: z.email() })`, 'import { z } from "zod";'));
      await using worker = await Worker.serving(module);
      equal(await details(worker, { email: 1 }), [
        { path: ["email"], message: "Expected string, received number", code: "invalid_type" },
      ]);
    });
    await test.step("Zod 3", async () => {
      const module = await bundled(
        echo(`z.object({ email: z.string().email() })`, 'import { z } from "zod/v3";'),
      );
      await using worker = await Worker.serving(module);
      equal(await details(worker, { email: "x" }), [
        { path: ["email"], message: "Invalid email", code: "invalid_string" },
      ]);
    });
    await test.step("Valibot", async () => {
      const module = await bundled(
        echo(
          `v.object({ tags: v.array(v.pipe(v.string(), v.minLength(2, "short"))) })`,
          'import * as v from "valibot";',
        ),
      );
      await using worker = await Worker.serving(module);
      equal(await details(worker, { tags: ["ok", "x"] }), [{
        path: ["tags", 1],
        message: "short",
        code: "custom",
      }]);
      equal(await (await worker.post({ tags: ["ok"] })).json(), { input: { tags: ["ok"] } });
    });
    await test.step("ArkType", async () => {
      const module = await bundled(echo(`type({ age: "number > 17" })`, 'import { type } from "arktype";'));
      await using worker = await Worker.serving(module);
      const [issue] = await details(worker, { age: 3 });
      equal(issue.path, ["age"]);
      match(issue.message, /age must be more than 17/);
      equal(await (await worker.post({ age: 18 })).json(), { input: { age: 18 } });
    });
    await test.step("any other Standard Schema, also when it answers later", async () => {
      const module = echo(
        `{ "~standard": { version: 1, vendor: "ours", validate: async (value) =>
          value === 1 ? { value: "one" } : { issues: [{ message: "not one", path: [{ key: "a" }, Symbol("b")] }] } } }`,
      );
      await using worker = await Worker.serving(module);
      equal(await details(worker, 2), [{ path: ["a", "Symbol(b)"], message: "not one", code: "custom" }]);
      equal(await (await worker.post(1)).json(), { input: "one" });
    });
  } finally {
    await stop();
  }
});

Deno.test("Zod 3's parameters for messages hold", async () => {
  await using worker = await Worker.serving(`
    import { define, z } from "@jelou/functions";
    export default define({ description: "x", input: z.object({
      name: z.string({ required_error: "falta el nombre", invalid_type_error: "debe ser texto" }),
      age: z.number({ errorMap: (issue, { defaultError }) => ({ message: issue.code + ": " + defaultError }) }).optional(),
      own: z.string({ message: "propio", required_error: "no" }).optional(),
      late: z.string().superRefine((_value, ctx) =>
        ctx.addIssue({ code: z.ZodIssueCode.custom, message: "tarde" })).optional(),
    }), handler: () => {
      const { error } = z.string().safeParse(1);
      try { z.string().parse(1); } catch (thrown) { return [error.errors.length, thrown.errors[0].path]; }
    } });
  `);
  const messages = async (input: unknown) => {
    const { details } = await (await worker.post(input)).json();
    return details.map(({ message }: { message: string }) => message);
  };
  equal(await messages({}), ["falta el nombre"]);
  equal(await messages({ name: 1, age: "x", own: 1 }), [
    "debe ser texto",
    "invalid_type: Expected number, received string",
    "propio",
  ]);
  equal(await messages({ name: "x", late: "y" }), ["tarde"]);
  equal(await (await worker.post({ name: "x" })).json(), [1, []]);
});
