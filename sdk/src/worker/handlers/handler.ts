/**
 * Handlers that get the web request whole, without a definition of this platform.
 *
 * @module
 */
import type { Context } from "../../context/context.ts";
import type { Incoming } from "../incoming.ts";

/** Methods that a module can export as functions. */
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const;

/** A handler of web requests. */
export interface WebHandler {
  /** What the module does, for messages: `export default { fetch }`, `Deno.serve()`. */
  readonly source: string;
  /** The accepted methods. */
  readonly methods: readonly string[];
  /** The object that may describe its routes, such as an app of Hono. */
  readonly app: object | null;
  /** Answers a request. The result must be a response. */
  answer(call: WebCall): unknown;
  /** Runs a schedule, if the module has code for it. */
  readonly scheduled?: (call: WebCall) => unknown;
}

/** One request for a web handler. */
export interface WebCall {
  readonly request: Request;
  /** The secrets, as Workers get them. */
  readonly env: Record<string, unknown>;
  readonly context: Context;
  readonly incoming: Incoming;
}

/** A module's functions are called with whatever they take. */
// deno-lint-ignore no-explicit-any -- the shape of an arbitrary function
export type AnyFunction = (...args: any[]) => unknown;

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}
