/**
 * `define()`: a function with one handler.
 *
 * This file checks nothing. The inspection at deploy checks all rules at once, so that it can report all mistakes
 * together. For that, a module with mistakes must be importable.
 *
 * @module
 */
import type { Context } from "../context/context.ts";
import type { FunctionResponse } from "../response/builder.ts";
import type { InferInput, InferOutput, StandardSchemaV1 } from "../schema/standard_schema.ts";
import { DEFINITION } from "./brand.ts";
import type { FunctionConfig, ToolAnnotations } from "./config.ts";

/** The input of a handler: the output type of its schema, or `any` without a schema. */
export type HandlerInput<I> = I extends StandardSchemaV1 ? InferOutput<I>
  // deno-lint-ignore no-explicit-any -- without a schema the input is whatever JSON the caller sent
  : any;

/**
 * What a handler may return. A plain value is sent as JSON with the status 200; `undefined` and `null` as 204. A web
 * `Response` is sent unchanged and streamed. Streams, generators, bytes and files are sent as bodies. A value that JSON
 * would empty, such as a `Map`, is answered 500. With an `output` schema, a plain value must match it.
 */
export type HandlerResult<O> =
  | Response
  | FunctionResponse
  | (O extends StandardSchemaV1 ? InferInput<O> : unknown);

/**
 * The code of a function. Without an `output` schema, its return type is `R`, so that tests get the handler's real
 * return type.
 *
 * @param input The validated input.
 * @param ctx The caller's data and the services of the platform.
 * @param request The web request with an unread body, for forms, uploads, streams and WebSocket.
 */
export type Handler<I, O, R = unknown> =
  // The condition covers the whole function type. With a condition on the result alone, TypeScript would infer a result
  // like `{ state: "on" }` as `{ state: string }` before it uses the schema.
  O extends StandardSchemaV1
    ? (input: HandlerInput<I>, ctx: Context, request: Request) => HandlerResult<O> | Promise<HandlerResult<O>>
    : (input: HandlerInput<I>, ctx: Context, request: Request) => R;

/** The options of `define()`. */
export interface DefineOptions<
  I extends StandardSchemaV1 | undefined = undefined,
  O extends StandardSchemaV1 | undefined = undefined,
  R = unknown,
> {
  /** The tool's name for MCP and OpenAPI. Default: the function's slug, or the key in `app()`. */
  name?: string;
  /** What the function does, for people and for models that choose a tool. At most 1,024 characters. */
  description: string;
  /** The schema of the input. A request that does not match is answered 400, and the handler does not run. */
  input?: I;
  /**
   * The schema of the result. It types the result and documents it for OpenAPI and MCP. A result that does not match is
   * sent anyway, with a warning in the log.
   */
  output?: O;
  /** Route, methods, limits, schedules. */
  config?: FunctionConfig;
  /** Hints for MCP clients. */
  annotations?: ToolAnnotations;
  /**
   * The code. If it throws, the caller gets 500, and only the log has the error, with credentials masked. The process
   * also serves other calls: `process.exit()` throws, and starting a thread throws.
   */
  handler: Handler<I, O, R>;
}

/** The result of `define()`: the default export of a module, or a tool of `app()`. */
export interface FunctionDefinition<
  I extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined,
  O extends StandardSchemaV1 | undefined = StandardSchemaV1 | undefined,
  R = unknown,
> extends Readonly<DefineOptions<I, O, R>> {
  /**
   * The brand by which the platform recognizes the object.
   *
   * @ignore
   */
  readonly [DEFINITION]: "define";
}

/** A function with any schemas. Handlers are contravariant in their input, so only `any` accepts all of them. */
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
  return Object.freeze({ ...options, [DEFINITION]: "define" as const });
}
