/**
 * Web handlers: functions that get the web request and return a response, without `define()` or `app()`.
 *
 * @module
 */
import type { Context } from "../../context/context.ts";
import type { Incoming } from "../incoming.ts";

/** Methods that a module can export as functions. */
export const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] as const;

/** A handler of web requests. */
export interface WebHandler {
  /** How the module provides the handler, for messages: `export default { fetch }`, `Deno.serve()`. */
  readonly source: string;
  /** The accepted methods. */
  readonly methods: readonly string[];
  /** The app object that may list its routes, such as a Hono app. */
  readonly app: object | null;
  /** Answers a request. The result must be a response. */
  answer(call: WebCall): unknown;
  /** Runs a schedule, if the module has code for it. */
  readonly scheduled?: (call: WebCall) => unknown;
}

/** One request for a web handler. */
export interface WebCall {
  readonly request: Request;
  /** The secrets, as `env` of Cloudflare Workers. */
  readonly env: Record<string, unknown>;
  readonly context: Context;
  readonly incoming: Incoming;
}

/** A function of the module, with parameters of any type. */
// deno-lint-ignore no-explicit-any -- the shape of an arbitrary function
export type AnyFunction = (...args: any[]) => unknown;

export function isFunction(value: unknown): value is AnyFunction {
  return typeof value === "function";
}
