/**
 * Log lines for errors of handlers. Each line has a position in the function's own code: the error's stack, or the
 * position of the definition if the stack has none.
 *
 * @module
 */
import { internalError, json, type PlainAnswer } from "./answers.ts";
import { maskText } from "./log_mask.ts";
import { isError } from "./primordials.ts";
import { isResponse } from "./result.ts";
import { firstOwnFrame, readableStack } from "./stack.ts";
import type { Tool } from "./tool.ts";

let isShown = false;

/** Makes the answer of a failed handler contain the thrown error, from now on. */
export function showThrown(): void {
  isShown = true;
}

/** Returns the answer for a handler that threw an error. */
export function answerToThrown(thrown: unknown): PlainAnswer {
  if (!isShown) return internalError();
  return json(500, { error: "Internal function error", thrown: maskText(readableStack(thrown)) });
}

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
  return typeof thrown === "object" ? "an object that is not an Error" : `a ${typeof thrown}`;
}
