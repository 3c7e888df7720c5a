/**
 * The trace of a call (W3C Trace Context), and the header that passes it to further calls.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { getHeader, setHeader, slice } from "./primordials.ts";

/** The name of the header. */
export const TRACE_HEADER = "traceparent";

/**
 * Creates the `traceparent` of a call that belongs to no trace. The trace id is the request's id, and the span id is
 * its last half. The flag `00` means that the trace is not sampled.
 */
export function traceparentOf(requestId: string): string {
  const first = slice(requestId, 0, 8) + slice(requestId, 9, 13) + slice(requestId, 14, 18);
  const last = slice(requestId, 19, 23) + slice(requestId, 24);
  return `00-${first}${last}-${last}-00`;
}

/** Adds the `traceparent` of the current request, unless the function has set one. Returns whether it was added. */
export function sendTrace(headers: Headers): boolean {
  const trace = currentTrace();
  if (trace === undefined || getHeader(headers, TRACE_HEADER) !== null) return false;
  setHeader(headers, TRACE_HEADER, trace);
  return true;
}

/** The trace of the current request. `undefined` outside of a request. */
export function currentTrace(): string | undefined {
  return currentContext()?.traceparent;
}
