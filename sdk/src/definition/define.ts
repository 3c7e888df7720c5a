/**
 * `define()`: a function with one handler.
 *
 * Nothing is checked here: a module must be importable for its mistakes to be reported together, so the
 * deploy's inspection checks every rule at once.
 *
 * @module
 */
import type { Context } from "../context/context.ts";
import type { FunctionResponse } from "../response/builder.ts";
import type { InferInput, InferOutput, StandardSchemaV1 } from "../schema/standard_schema.ts";
import { DEFINITION, SITE } from "./brand.ts";
import type { FunctionConfig, ToolAnnotations } from "./config.ts";

/** The input that a handler gets: what its schema gives out, or anything when there is no schema. */
export type HandlerInput<I> = I extends StandardSchemaV1 ? InferOutput<I>
  // deno-lint-ignore no-explicit-any -- without a schema the input is whatever JSON the caller sent
  : any;

/**
 * What a handler may return: a plain value is sent as JSON with the status 200, `undefined` and `null` as 204, a
 * web `Response` as it is, streamed. Streams, generators, bytes and files are sent as what they are; another value that
 * JSON would empty, such as a `Map`, is answered 500. With an `output` schema, a plain value has to match it.
 */
export type HandlerResult<O> =
  | Response
  | FunctionResponse
  | (O extends StandardSchemaV1 ? InferInput<O> : unknown);

/**
 * The code of a function. Without an `output` schema, what it returns is `R`: tests that call it get its own type.
 *
 * @param input The validated input.
 * @param ctx Who calls, from where, and what the platform offers.
 * @param request The web request, its body still unread, for forms, uploads, streams and WebSocket.
 */
export type Handler<I, O, R = unknown> =
  // The condition is about the whole function: one about its result alone would keep TypeScript from looking at the
  // schema before it takes a result like `{ state: "on" }` for one with just any text.
  O extends StandardSchemaV1
    ? (input: HandlerInput<I>, ctx: Context, request: Request) => HandlerResult<O> | Promise<HandlerResult<O>>
    : (input: HandlerInput<I>, ctx: Context, request: Request) => R;

/** What `define()` takes. */
export interface DefineOptions<
  I extends StandardSchemaV1 | undefined = undefined,
  O extends StandardSchemaV1 | undefined = undefined,
  R = unknown,
> {
  /** The tool's name for MCP and OpenAPI. Default: the function's slug, or the key in `app()`. */
  name?: string;
  /** What the function does, for people and for models that choose a tool. At most 1,024 characters. */
  description: string;
  /** The schema of the input. A request that does not match is answered 400 and the handler does not run. */
  input?: I;
  /**
   * The schema of the result: types it, and documents it for OpenAPI and MCP. A result that does not match is
   * sent all the same, with a warning in the log.
   */
  output?: O;
  /** Route, methods, limits, schedules. */
  config?: FunctionConfig;
  /** Hints for MCP clients. */
  annotations?: ToolAnnotations;
  /**
   * The code. What it throws is answered 500 and told in the log alone, credentials masked. It shares its process with
   * other calls: `process.exit()` throws, and so do threads.
   */
  handler: Handler<I, O, R>;
}

/** A function as `define()` returns it: the default export of a module, or a tool of `app()`. */
export interface FunctionDefinition<
  I extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined,
  O extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined,
  R = unknown,
> extends Readonly<DefineOptions<I, O, R>> {
  /**
   * The mark of the platform.
   *
   * @ignore
   */
  readonly [DEFINITION]: "define";
}

/** A function with any schemas. Handlers are contravariant in their input: only `any` holds them all. */
// deno-lint-ignore no-explicit-any -- see above
export type AnyFunctionDefinition = FunctionDefinition<any, any, any>;

/**
 * Defines a function with one handler.
 *
 * ```ts
 * import { define, z } from "@jelou/functions";
 *
 * export default define({
 *   description: "Greets a customer",
 *   input: z.object({ name: z.string().min(1) }),
 *   handler: (input) => ({ greeting: `Hello, ${input.name}` }),
 * });
 * ```
 *
 * @param options The function's description, schemas, settings and code.
 * @returns The definition; make it the module's default export.
 */
export function define<
  I extends StandardSchemaV1 | undefined = undefined,
  O extends StandardSchemaV1 | undefined = undefined,
  R = unknown,
>(options: DefineOptions<I, O, R>): FunctionDefinition<I, O, R> {
  const definition = { ...options, [DEFINITION]: "define" as const };
  const site = {};
  Error.captureStackTrace(site, define);
  // Not enumerable, so that it is no part of the definition's data.
  Object.defineProperty(definition, SITE, { value: site });
  return Object.freeze(definition);
}
