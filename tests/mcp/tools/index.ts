/**
 * A function with tools of many shapes. The clients list and call them, and the OpenAPI document must describe them.
 */
import { app, define, response, z } from "@jelou/functions";

/** A recursive schema, so that its JSON Schema has definitions. */
const Category = z.object({
  name: z.string(),
  get parts() {
    return z.array(Category);
  },
});

export default app({
  name: "tools-of-every-shape",
  description: "Tools for the tests of MCP and OpenAPI",
  tools: {
    sendEmail: define({
      name: "send_email",
      description: "Sends an email",
      input: z.object({ to: z.email().describe("Who gets it"), subject: z.string().min(1) }),
      output: z.object({ id: z.string(), to: z.string() }),
      annotations: { title: "Send an email", readOnlyHint: false, openWorldHint: true },
      handler: ({ to, subject }) => ({ id: subject.toLowerCase(), to }),
    }),
    fail: define({
      description: "Always fails",
      handler: () => {
        throw new Error("a secret of the developer");
      },
    }),
    refuse: define({
      description: "Answers with a status and a body of its own",
      handler: () => response.status(409).json({ error: "taken", suggestion: "other" }),
    }),
    nothing: define({ description: "Answers with nothing", handler: () => undefined }),
    slow: define({
      description: "Does not answer in time",
      config: { timeout: 300 },
      handler: () => new Promise(() => {}),
    }),
    endless: define({
      description: "Begins an answer and does not end it",
      config: { timeout: 300 },
      handler: () =>
        new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array([46])) })),
    }),
    order: define({
      description: "Has a parameter in its route",
      input: z.object({ verbose: z.boolean().optional() }),
      config: { path: "/orders/:id/lines/:line" },
      handler: ({ verbose }, ctx) => ({ ...ctx.params, path: ctx.path, method: ctx.method, verbose }),
    }),
    readOrder: define({
      description: "Takes its input from the query string",
      input: z.object({ page: z.coerce.number().int().default(1), tags: z.array(z.string()).optional() }),
      config: { path: "/orders", methods: ["GET"] },
      handler: (input) => input,
    }),
    search: define({
      description: "Takes one of two objects",
      input: z.discriminatedUnion("by", [
        z.object({ by: z.literal("name"), name: z.string() }),
        z.object({ by: z.literal("id"), id: z.number() }),
      ]),
      config: { methods: ["GET", "POST"] },
      handler: (input) => input,
    }),
    sum: define({
      description: "Takes a list",
      input: z.array(z.number()),
      output: z.number(),
      handler: (numbers) => numbers.reduce((sum, number) => sum + number, 0),
    }),
    classify: define({
      description: "Has a schema that refers to itself",
      input: z.object({ category: Category }),
      output: Category,
      config: { path: "/files/*" },
      handler: ({ category }) => category,
    }),
    ping: define({
      description: "Needs no token",
      config: { public: true },
      handler: (_input, ctx) => ({ pong: true, token: ctx.env.has("X_JELOU_TOKEN") }),
    }),
    hidden: define({ description: "Is no tool of MCP", config: { mcp: false }, handler: () => "hidden" }),
  },
});
