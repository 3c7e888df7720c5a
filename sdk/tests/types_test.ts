import { deepEqual as equal, strictEqual as same } from "node:assert/strict";

const sdk = new URL("../", import.meta.url).pathname;

/**
 * Type checks a file like an editor in a new project: with the declarations beside it, an empty cache, and no
 * network if the system can isolate a process from it.
 */
async function check(source: string): Promise<{ ok: boolean; output: string }> {
  const folder = await Deno.makeTempDir({ prefix: "jelou-types-" });
  try {
    await new Deno.Command("cp", { args: ["-r", `${sdk}dist/types`, `${folder}/types`] }).output();
    const imports = {
      "@jelou/functions": "./types/functions.d.ts",
      "@jelou/functions/testing": "./types/testing.d.ts",
    };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports }));
    await Deno.writeTextFile(`${folder}/index.ts`, source);
    const args = [Deno.execPath(), "check", "--no-remote", "index.ts"];
    const [command, ...rest] = await canUnshare() ? ["unshare", "-n", ...args] : args;
    const { success, stderr } = await new Deno.Command(command!, {
      args: rest,
      cwd: folder,
      clearEnv: true,
      env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1", PATH: Deno.env.get("PATH") ?? "" },
    }).output();
    return { ok: success, output: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function canUnshare(): Promise<boolean> {
  try {
    return (await new Deno.Command("unshare", { args: ["-n", "true"] }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("the right use compiles, offline, with exact types", async () => {
  const { ok, output } = await check(`
    import { app, define, JelouApiError, response, z, type Context, type InferInput } from "@jelou/functions";
    import { createMockContext, createMockRequest } from "@jelou/functions/testing";

    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
    const exactly = <A, B>(_proof: Same<A, B>) => {};

    const typed = define({
      name: "typed",
      description: "x",
      input: z.object({ email: z.email(), n: z.coerce.number().default(1), role: z.enum(["a", "b"]).optional() }),
      output: z.object({ ok: z.boolean() }),
      config: { path: "/typed/:id", methods: ["GET", "POST"], timeout: 1000, mcp: false, public: true,
        cors: { origin: ["https://a.example"], credentials: true }, cron: [{ expression: "0 9 * * *", timezone: "UTC" }] },
      handler: async (input, ctx, request) => {
        exactly<typeof input, { email: string; n: number; role?: "a" | "b" | undefined }>(true);
        exactly<typeof ctx, Context>(true);
        exactly<typeof request, Request>(true);
        if (ctx.trigger.type === "cron") ctx.log(ctx.trigger.cron);
        const none = await ctx.memory.get("a");
        exactly<typeof none, string | null>(true);
        const some = await ctx.memory.get("a", 1);
        exactly<typeof some, string | number>(true);
        try { await ctx.jelou.send({ type: "text", to: "1", text: "a" }); }
        catch (error) { if (error instanceof JelouApiError && error.isRateLimit()) throw error; }
        if (input.n > 2) return response.status(409).json({ reason: "too many" });
        if (input.n > 1) return new Response("raw");
        return { ok: true };
      },
    });
    const standard = define({
      description: "any Standard Schema",
      input: {} as { "~standard": { version: 1; vendor: "ours"; validate(value: unknown): { value: Date };
        types?: { input: string; output: Date } } },
      handler: (input) => { exactly<typeof input, Date>(true); },
    });
    // The example of the documentation.
    const free = define({ description: "y", handler: async (input, ctx) => {
      const res = await fetch("https://otra-funcion.fn.jelou.ai", {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-Jelou-Token": ctx.env.get("OTRA_FUNCION_TOKEN")! },
        body: JSON.stringify({ dato: input.valor }),
      });
      return await res.json();
    } });
    export default app({ config: { timeout: 5 }, tools: { typed, standard, free } });
    await typed.handler({ email: "a", n: 1 }, createMockContext({ env: { A: "1" } }), createMockRequest());
  `);
  same(output.replace(/^Check .*\n/, ""), "");
  same(ok, true);
});

Deno.test("a test that calls a handler gets what it returns, with its type", async () => {
  const { ok, output } = await check(`
    import { type AnyFunctionDefinition, define, type FunctionResponse, response, z } from "@jelou/functions";
    import { createMockContext, createMockRequest } from "@jelou/functions/testing";

    type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true : false;
    const exactly = <A, B>(_proof: Same<A, B>) => {};
    const mocks = [createMockContext(), createMockRequest()] as const;

    const later = define({
      description: "x",
      input: z.object({ name: z.string() }),
      handler: async (input) => ({ greeting: \`Hello, \${input.name}\` }),
    });
    const result = await later.handler({ name: "Ana" }, ...mocks);
    exactly<typeof result, { greeting: string }>(true);
    result.greeting.toUpperCase();

    const now = define({ description: "x", handler: () => 7 });
    const number = now.handler({}, ...mocks);
    exactly<typeof number, number>(true);

    const either = define({
      description: "x",
      handler: async (input) => input.a ? response.status(409).json({}) : { b: 1 },
    });
    const one = await either.handler({}, ...mocks);
    exactly<typeof one, FunctionResponse | { b: number }>(true);

    const described = define({
      description: "x",
      output: z.object({ state: z.enum(["on", "off"]) }),
      handler: async (input) => ({ state: input.a ? "on" : "off" }),
    });
    const shown = await described.handler({}, ...mocks);
    exactly<typeof shown, Response | FunctionResponse | { state: "on" | "off" }>(true);

    const any: AnyFunctionDefinition[] = [later, now, either, described];
    any.length;
  `);
  same(output.replace(/^Check .*\n/, ""), "");
  same(ok, true);
});

Deno.test("wrong use does not compile", async () => {
  const wrong = [
    `define({ description: "x", input: z.object({ a: z.string() }), handler: (input) => input.nope });`,
    `define({ description: "x", input: z.object({ a: z.string() }), handler: (input) => input.a.toFixed() });`,
    `define({ handler: () => 1 });`,
    `define({ description: "x" });`,
    `define({ description: "x", inputs: z.object({}), handler: () => 1 });`,
    `define({ description: "x", input: { type: "object" }, handler: () => 1 });`,
    `define({ description: "x", output: z.object({ ok: z.boolean() }), handler: () => ({ ok: "yes" }) });`,
    `define({ description: "x", output: z.object({ ok: z.boolean() }), handler: async () => ({}) });`,
    `define({ description: "x", output: z.object({ is: z.enum(["a"]) }), handler: (_) => ({ is: "b" }) });`,
    `define({ description: "x", config: { timeout: "1s" }, handler: () => 1 });`,
    `define({ description: "x", config: { methods: ["FETCH"] }, handler: () => 1 });`,
    `define({ description: "x", config: { route: "/" }, handler: () => 1 });`,
    `define({ description: "x", config: { cron: [{ timezone: "UTC" }] }, handler: () => 1 });`,
    `define({ description: "x", handler: (_, ctx) => ctx.nope });`,
    `define({ description: "x", handler: (_, ctx) => { ctx.requestId = "x"; } });`,
    `define({ description: "x", handler: (_, ctx) => ctx.memory.set("a", 1) });`,
    `define({ description: "x", handler: (_, ctx) => ctx.jelou.send({ type: "text", to: "1" }) });`,
    `app({ tools: { a: { description: "x", handler: () => 1 } } });`,
    `response.status("201");`,
  ];
  // If an expected error does not occur, TypeScript reports an error.
  const lines = wrong.map((line) => `// @ts-expect-error\n${line}`).join("\n");
  const { ok, output } = await check(
    `import { app, define, response, z } from "@jelou/functions";\n${lines}\n`,
  );
  same(output.replace(/^Check .*\n/, ""), "");
  same(ok, true);
});

/** The parts of `deno doc --json` that show what is documented. */
interface Documented {
  readonly name: string;
  readonly jsDoc?: unknown;
  readonly accessibility?: string;
}
interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly jsDoc?: unknown;
    readonly def?: { readonly properties?: readonly Documented[]; readonly methods?: readonly Documented[] };
  }[];
}

Deno.test("every public export and each of its members has a doc comment", async () => {
  for (const entry of ["functions", "testing"]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", `${sdk}src/${entry}.ts`],
      cwd: sdk,
    }).output();
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
      nodes: Record<string, { symbols: DocSymbol[] }>;
    };
    const symbols = Object.values(nodes).flatMap((node) => node.symbols).filter(({ name }) => name !== "z");
    same(symbols.length >= 10, true);
    const undocumented = symbols.flatMap(({ name, declarations }) =>
      declarations.flatMap(({ jsDoc, def }) => [
        ...(jsDoc === undefined ? [name] : []),
        ...[...def?.properties ?? [], ...def?.methods ?? []]
          .filter((member) => member.jsDoc === undefined)
          .map((member) => `${name}.${member.name}`),
      ])
    );
    equal(undocumented, []);
  }
});

Deno.test("dist is what the sources build", async () => {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--cached-only", "--quiet", "build/main.ts", "--check"],
    cwd: sdk,
  }).output();
  same(new TextDecoder().decode(stderr), "");
  same(success, true);
});
