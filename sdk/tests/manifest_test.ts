import { deepEqual as equal, match, strictEqual as same } from "node:assert/strict";
import { build, stop } from "esbuild";
import type { Manifest } from "../src/inspect/manifest.ts";
import { manifestOf, problemsOf } from "./inspect.ts";
import { Worker } from "./worker.ts";

Deno.test("a manifest has exactly the fields that the server reads, with their defaults", async () => {
  const manifest = await manifestOf(`define({ description: "Looks up", handler() {} })`);
  equal(manifest, {
    mode: "define",
    name: null,
    description: "Looks up",
    tools: [{
      key: "default",
      name: "mi-funcion",
      description: "Looks up",
      path: "*",
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      timeoutMs: null,
      mcp: true,
      public: false,
      cors: { origin: ["*"], methods: null, headers: null, credentials: false, maxAge: 86_400 },
      cron: [],
      inputSchema: null,
      outputSchema: null,
      annotations: null,
    }],
    env: true,
    keepWarm: 0,
    logs: { level: "DEBUG", sample: 1 },
    routes: [],
  });
});

Deno.test("everything that a definition says is in its manifest", async () => {
  const manifest = await manifestOf(`define({
    name: "lookUp", description: "x", annotations: { readOnlyHint: true },
    input: z.object({ email: z.string().email(), n: z.coerce.number().default(1), tags: z.array(z.string()).optional() }),
    output: z.object({ ok: z.boolean() }),
    config: { path: "/orders/:id/*", methods: ["POST", "get"], timeout: 120000, mcp: false, public: true,
      cors: { origin: "https://App.example.com/", methods: ["POST"], headers: ["X-A"], credentials: true, maxAge: 5 },
      cron: [{ expression: " 0 9 * * * ", timezone: "America/Guayaquil", name: "daily", botId: "b" }, { expression: "*/5 * * * 1-5", catchUp: "last", overlap: "queue", retry: { max: 3 }, spread: 60_000, timeout: 300_000 }] },
    handler() {} })`);
  same(manifest.name, "lookUp");
  const { inputSchema, outputSchema, ...tool } = manifest.tools[0]!;
  equal(tool, {
    key: "default",
    name: "lookUp",
    description: "x",
    path: "/orders/:id/*",
    methods: ["POST", "GET"],
    timeoutMs: 120_000,
    mcp: false,
    public: true,
    cors: {
      origin: ["https://app.example.com"],
      methods: ["POST"],
      headers: ["X-A"],
      credentials: true,
      maxAge: 5,
    },
    cron: [
      {
        expression: "0 9 * * *",
        timezone: "America/Guayaquil",
        name: "daily",
        botId: "b",
        catchUp: "none",
        overlap: "skip",
        retry: null,
        spreadMs: null,
        timeoutMs: null,
      },
      {
        expression: "*/5 * * * 1-5",
        timezone: "UTC",
        name: null,
        botId: null,
        catchUp: "last",
        overlap: "queue",
        retry: { max: 3, backoffMs: 10_000 },
        spreadMs: 60_000,
        timeoutMs: 300_000,
      },
    ],
    annotations: { readOnlyHint: true },
  });
  same(inputSchema!.$schema, "https://json-schema.org/draft/2020-12/schema");
  equal(inputSchema!.required, ["email"]);
  equal(Object.keys(inputSchema!.properties as object), ["email", "n", "tags"]);
  equal(outputSchema!.properties, { ok: { type: "boolean" } });
  same("additionalProperties" in outputSchema!, false);
});

Deno.test("the tools of an app have routes of their own and inherit its settings", async () => {
  const { mode, tools } = await manifestOf(
    `app({ config: { timeout: 5000, public: true, cors: false }, tools: {
    sendEmail: define({ description: "a", config: { public: false, timeout: undefined }, handler() {} }),
    getHTTPStatus: define({ description: "b", handler() {} }),
    read_inbox: define({ name: "inbox", description: "c", config: { path: "/in" }, handler() {} }),
  } })`,
  );
  same(mode, "app");
  equal(tools.map(({ key, name, path, timeoutMs, public: open }) => [key, name, path, timeoutMs, open]), [
    ["sendEmail", "sendEmail", "/send-email", 5000, false],
    ["getHTTPStatus", "getHTTPStatus", "/get-http-status", 5000, true],
    ["read_inbox", "inbox", "/in", 5000, true],
  ]);
  equal(tools[0]!.cors!.origin, []);
});

Deno.test("routes may be shared by tools with other methods", async () => {
  const { tools } = await manifestOf(`app({ tools: {
    list: define({ description: "a", config: { path: "/items", methods: ["GET"] }, handler() {} }),
    add: define({ description: "b", config: { path: "/items", methods: ["POST"] }, handler() {} }),
  } })`);
  same(tools.length, 2);
});

Deno.test("every mistake is told, with what, where and the limit", async () => {
  const cron = JSON.stringify(Array.from({ length: 11 }, () => ({ expression: "0 9 * * *" })));
  const cases: [code: string, ...problems: RegExp[]][] = [
    [`define({ handler() {} })`, /^define\(\): `description` is missing/],
    [
      `define({ description: "é".repeat(1025), handler() {} })`,
      /^define\(\): `description` may have up to 1,024 characters, and has 1,025$/,
    ],
    [
      `define({ description: "x", name: "no spaces", handler() {} })`,
      /tool name must match \[a-zA-Z0-9_-\]\{1,64\}, and is "no spaces" \(9 characters\)/,
    ],
    [`define({ description: "x", name: "n".repeat(65), handler() {} })`, /\(65 characters\)/],
    [`define({ description: "x" })`, /`handler` must be a function, and is undefined/],
    [
      `define({ description: "x", input: { type: "object" }, handler() {} })`,
      /`input` is not a schema\. Use z\.object/,
    ],
    [`define({ description: "x", config: 5, handler() {} })`, /`config` must be an object, and is number/],
    ...[0, 0.5, 1e300, Infinity, '"1s"', NaN].map((timeout): [string, RegExp] => [
      `define({ description: "x", config: { timeout: ${timeout} }, handler() {} })`,
      /`config\.timeout` must be a number of milliseconds, at least 1/,
    ]),
    [
      `define({ description: "x", config: { methods: ["FETCH"] }, handler() {} })`,
      /`config\.methods` has "FETCH"/,
    ],
    [`define({ description: "x", config: { methods: [] }, handler() {} })`, /at least one of GET/],
    [
      `define({ description: "x", config: { public: "yes" }, handler() {} })`,
      /`config\.public` must be true or false/,
    ],
    ...([
      ["orders", /must start with "\/"/],
      ["/a/", /must not end with "\/"/],
      ["/a//b", /segment that is not allowed: ""/],
      ["/a/*/b", /"\*" before its last segment/],
      ["/:a/:a", /parameter ":a" twice/],
      ["/:1", /parameter with a bad name/],
      ["/a b", /segment that is not allowed: "a b"/],
      ["/../x", /not allowed: "\.\."/],
      ["/a/%2E./x", /not allowed: "%2E\."/],
      ["/mcp", /reserved/],
      ["/MCP", /reserved/],
      ["/%6dcp", /reserved/],
      ["/__health", /reserved/],
      ["/__token", /reserved/],
      ["/openapi.json", /reserved/],
    ] as const).map(([path, problem]): [string, RegExp] => [
      `define({ description: "x", config: { path: ${JSON.stringify(path)} }, handler() {} })`,
      problem,
    ]),
    [
      `define({ description: "x", config: { cron: [{ expression: "" }, { expression: "0 9 * * *", timezone: "Mars/Base", name: "*", catchUp: "all", overlap: 1, retry: { max: 6, backof: 1 }, spread: -1, timeout: 0.5 }, { expression: "0 9 * * *", retry: 3 }] }, handler() {} })`,
      /`config\.cron\[0\]` needs an `expression`/,
      /`config\.cron\[1\]` has an unknown time zone, "Mars\/Base"/,
      /`config\.cron\[1\]`: `name` must be a text of 1 to 100 characters, other than "\*"/,
      /`config\.cron\[1\]`: `catchUp` is "all"; known are "none", "last"/,
      /`config\.cron\[1\]`: `overlap` is 1; known are "skip", "queue", "allow"/,
      /`config\.cron\[1\]`: `retry` has the unknown key `backof`; did you mean `backoff`\?/,
      /`config\.cron\[1\]`: `retry\.max` must be a whole number, at least 1 and at most 5, and is 6/,
      /`config\.cron\[1\]`: `spread` must be a whole number, at least 0 and at most 3,600,000, and is -1/,
      /`config\.cron\[1\]`: `timeout` must be a whole number, at least 1, and is 0\.5/,
      /`config\.cron\[2\]`: `retry` must be an object/,
    ],
    [
      `define({ description: "x", config: { cron: ${cron} }, handler() {} })`,
      /up to 10 schedules, and this one has 11/,
    ],
    [
      `define({ description: "x", config: { cron: [{ expression: "0 9 * * *", name: "a" }, { expression: "0 9 * * *", name: "a" }] }, handler() {} })`,
      /Two schedules have the name "a"/,
    ],
    [
      `define({ description: "x", config: { cors: { origin: "example.com/path", maxAge: -1 } }, handler() {} })`,
      /`config\.cors\.origin` has "example\.com\/path"/,
      /`config\.cors\.maxAge`/,
    ],
    [`app({ tools: {} })`, /at least one define/],
    [`app({ tools: { a: {} } })`, /^tool "a": every tool of app\(\) must be made with define/],
    [
      `app({ tools: { a: define({ name: "t", description: "x", handler() {} }), b: define({ name: "t", description: "y", handler() {} }) } })`,
      /^The tools "a" and "b" have the same name, "t"/,
    ],
    [
      `app({ tools: { a: define({ description: "x", config: { path: "/:x/c" }, handler() {} }), b: define({ description: "y", config: { path: "/:y/c" }, handler() {} }) } })`,
      /^The tools "a" and "b" have the same route, GET \/:y\/c/,
    ],
    [
      `app({ tools: { a: define({ handler() {} }), b: define({ description: "", handler() {} }) } })`,
      /^tool "a"/,
      /^tool "b"/,
    ],
  ];
  // Two at a time, because each inspection is a process.
  const queue = cases.entries();
  await Promise.all([1, 2].map(async () => {
    for (const [, [code, ...expected]] of queue) {
      const problems = await problemsOf(code);
      same(problems.length, expected.length, `${code}\n${problems.join("\n")}`);
      for (const [index, pattern] of expected.entries()) match(problems[index]!, pattern);
    }
  }));
});

Deno.test("a recursive schema has a finite description", async () => {
  const { tools } = await manifestOf(`(() => {
    const Node = z.object({ name: z.string(), get children() { return z.array(Node); } });
    return define({ description: "x", input: Node, handler() {} });
  })()`);
  match(JSON.stringify(tools[0]!.inputSchema), /"\$ref":"#/);
});

Deno.test("schemas of other libraries are described", async (test) => {
  const describe = async (imports: string, schema: string) => {
    const contents = `${imports}\nimport { define } from "@jelou/functions";
      export default define({ description: "x", input: ${schema}, handler() {} });`;
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: new URL("..", import.meta.url).pathname },
      bundle: true,
      write: false,
      format: "esm",
      external: ["@jelou/functions"],
    });
    await using worker = await Worker.start({ network: false });
    const result = await worker.load(outputFiles[0]!.text, { mode: "inspect" });
    if (!result.ok) throw new Error(result.error.message);
    const { inputSchema } = (result.manifest as Manifest).tools[0]!;
    return { schema: inputSchema as Record<string, unknown>, warnings: result.warnings! };
  };
  const dateTime = { type: "string", format: "date-time" };
  try {
    await test.step("Zod 3", async () => {
      const { schema, warnings } = await describe(
        'import { z } from "zod/v3";',
        "z.object({ a: z.string().email(), d: z.date().optional(), b: z.bigint() })",
      );
      equal([schema.$schema, schema.type, schema.required], [
        "https://json-schema.org/draft/2020-12/schema",
        "object",
        ["a", "b"],
      ]);
      equal(schema.properties, { a: { type: "string", format: "email" }, d: dateTime, b: {} });
      equal(warnings.map((text) => / at (\S+);/.exec(text)![1]), ["input.d", "input.b"]);
    });
    await test.step("Valibot", async () => {
      const { schema, warnings } = await describe(
        'import * as v from "valibot";',
        "v.object({ a: v.pipe(v.string(), v.email()), d: v.date(), n: v.optional(v.number(), 3), b: v.bigint() })",
      );
      equal([schema.type, schema.required], ["object", ["a", "d", "b"]]);
      const properties = schema.properties as Record<string, unknown>;
      equal([properties.a, properties.d, properties.b], [{ type: "string", format: "email" }, dateTime, {}]);
      same(warnings.length, 2);
    });
    await test.step("ArkType", async () => {
      const { schema, warnings } = await describe(
        'import { type } from "arktype";',
        'type({ a: "string.email", "n?": "number > 3", d: "Date" })',
      );
      equal([schema.type, schema.required], ["object", ["a", "d"]]);
      equal((schema.properties as Record<string, unknown>).d, dateTime);
      same(warnings.length, 1);
    });
    await test.step("a library that implements Standard JSON Schema", async () => {
      const { schema } = await describe(
        "",
        `{ "~standard": { version: 1, vendor: "ours", validate: (value) => ({ value }),
          jsonSchema: { input: ({ target }) => ({ type: "string", title: target }) } } }`,
      );
      equal(schema, { type: "string", title: "draft-2020-12" });
    });
    await test.step("a library that describes nothing", async () => {
      const { schema, warnings } = await describe(
        "",
        `{ "~standard": { version: 1, vendor: "ours", validate: (value) => ({ value }) } }`,
      );
      equal(schema, {});
      match(
        warnings[0]!,
        /define\(\): JSON Schema cannot express a schema of ours at input; it is shown as \{\}/,
      );
    });
  } finally {
    await stop();
  }
});

Deno.test("processes that stay loaded are a number of the whole function", async () => {
  const keeping = (value: string) =>
    `define({ description: "x", config: { keepWarm: ${value} }, handler() {} })`;
  same((await manifestOf(keeping("2"))).keepWarm, 2);
  same(
    (await manifestOf(`app({ config: { keepWarm: 1 }, tools: { a: ${keeping("undefined")} } })`)).keepWarm,
    1,
  );
  equal(await problemsOf(keeping("1.5")), [
    "define(): `config.keepWarm` must be a whole number of processes, at most 1000, and is 1.5",
  ]);
  equal(await problemsOf(`app({ tools: { a: ${keeping("1")} } })`), [
    'tool "a": `keepWarm` is for the whole function; set it in the `config` of app()',
  ]);
});

Deno.test("unknown keys are refused, with the near one", async () => {
  equal(
    await problemsOf(`define({
      description: "x", inputt: z.string(), handlers: 1, handler() {},
      config: { metods: ["GET"], Timeout: 5, nothingLikeIt: 1, cors: { orgin: "*" }, cron: [{ expresion: "* * * * *", expression: "* * * * *" }] },
    })`),
    [
      "define(): `config` has the unknown key `metods`; did you mean `methods`?",
      "define(): `config` has the unknown key `Timeout`; did you mean `timeout`?",
      "define(): `config` has the unknown key `nothingLikeIt`; known are path, methods, timeout, mcp, public, cors, cron, keepWarm, logs",
      "define(): has the unknown key `inputt`; did you mean `input`?",
      "define(): has the unknown key `handlers`; did you mean `handler`?",
      "define(): `config.cors` has the unknown key `orgin`; did you mean `origin`?",
      "define(): `config.cron[0]` has the unknown key `expresion`; did you mean `expression`?",
    ],
  );
  equal(
    await problemsOf(
      `app({ tool: {}, tools: { a: define({ description: "x", title: "t", handler() {} }) } })`,
    ),
    [
      "app(): has the unknown key `tool`; did you mean `tools`?",
      'tool "a": has the unknown key `title`; known are name, description, input, output, config, annotations, handler',
    ],
  );
});

Deno.test("a schema of two copies of Zod is refused by the name of the part", async () => {
  const result = await build({
    stdin: {
      contents: `
        import { app, define, z } from "@jelou/functions";
        import { z as z3 } from "zod/v3";
        export default app({ tools: {
          a: define({ description: "x", input: z.object({ user: z.object({ email: z3.string() }) }), handler() {} }),
          b: define({ description: "x", input: z3.object({ list: z3.array(z.string()) }), handler() {} }),
          c: define({ description: "x", input: z.union([z.string(), z3.number()]), handler() {} }),
          d: define({ description: "x", input: z3.object({ a: z3.string().optional() }), handler() {} }),
        } });`,
      resolveDir: new URL("..", import.meta.url).pathname,
    },
    bundle: true,
    write: false,
    format: "esm",
    external: ["@jelou/functions"],
  });
  await stop();
  await using worker = await Worker.start({ network: false });
  const loaded = await worker.load(result.outputFiles[0]!.text, { mode: "inspect" });
  if (loaded.ok) throw new Error("the schemas were accepted");
  const places = loaded.error.message.split("\n").map((line) =>
    /(tool .*): (\S+) is a schema of another copy of Zod/.exec(line)
  );
  equal(places.map((found) => found?.slice(1)), [
    ['tool "a"', "input.user.email"],
    ['tool "b"', "input.list"],
    ['tool "c"', "input"],
  ]);
});

Deno.test("config.logs is checked, and belongs to the whole function", async () => {
  const logs = "logs: { level: 'warn', sample: 0.25 }";
  const { logs: rules } = await manifestOf(`define({ description: "x", handler() {}, config: { ${logs} } })`);
  equal(rules, { level: "WARN", sample: 0.25 });
  equal(
    await problemsOf(
      `define({ description: "x", handler() {}, config: { logs: { level: "loud", sample: 2, keep: 1 } } })`,
    ),
    [
      "define(): `config.logs` has the unknown key `keep`; known are level, sample",
      'define(): `config.logs.level` must be debug, info, warn or error, and is "loud"',
      "define(): `config.logs.sample` must be a number from 0 to 1, and is 2",
    ],
  );
  equal(
    await problemsOf(
      `app({ tools: { a: define({ description: "x", handler() {}, config: { ${logs} } }) } })`,
    ),
    ['tool "a": `config.logs` belongs to the whole function; set it in app()'],
  );
});
