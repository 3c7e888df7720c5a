/**
 * Log lines for errors of handlers. Each line has a position in the function's own code: the error's stack, or the
 * position of the definition if the stack has none.
 *
 * @module
 */
import { isError } from "./primordials.ts";
import { isResponse } from "./result.ts";
import { firstOwnFrame } from "./stack.ts";
import type { Tool } from "./tool.ts";

/** Returns the arguments of the log line for a failed call. */
export function describeThrown(tool: Tool | null, thrown: unknown): unknown[] {
  const site = tool?.definedAt() ?? null;
  const where = site === null ? [] : [`The handler is defined at ${site}`];
  if (isResponse(thrown)) {
    return ["The handler threw a response, which is answered with 500; return it", thrown, ...where];
  }
  if (isError(thrown)) return firstOwnFrame(thrown) === null ? [thrown, ...where] : [thrown];
  if (thrown === undefined) {
    return [
      "The handler threw undefined, or returned a promise that rejected without a reason; throw an Error",
      ...where,
    ];
  }
  return [`The handler threw ${kindOf(thrown)}, which has no stack; throw an Error`, thrown, ...where];
}

function kindOf(thrown: unknown): string {
  if (thrown === null) return "null";
  return typeof thrown === "object" ? "an object that is no Error" : `a ${typeof thrown}`;
}
