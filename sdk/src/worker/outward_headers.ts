/**
 * The headers of a request. Most handlers only look up one header, so the headers are copied only for other operations.
 *
 * @module
 */
import { standInPrototype } from "./lazy_object.ts";
import type { Incoming } from "./incoming.ts";
import { create, defineProperty, getHeader, matches, NativeHeaders, toLowerCase } from "./primordials.ts";

/** Header names that need no validation. For other names, the runtime's own `Headers` throws the error. */
const PLAIN_NAME = /^[\w-]+$/;

const INCOMING = Symbol("incoming");
const BUILT = Symbol("built");

interface StandIn {
  [INCOMING]: Incoming;
  [BUILT]: Headers | undefined;
}

const prototype = standInPrototype(new NativeHeaders(), build);
defineProperty(prototype, "get", {
  value(this: StandIn, name: string): string | null {
    const known = `${name}`;
    if (this[BUILT] !== undefined || !matches(PLAIN_NAME, known)) return getHeader(build(this), known);
    return this[INCOMING].header(toLowerCase(known));
  },
});
defineProperty(prototype, "has", {
  value(this: StandIn, name: string): boolean {
    return (this as unknown as Headers).get(name) !== null;
  },
});

/**
 * Creates the function's view of the headers. Changes to it do not affect the original headers.
 */
export function outwardHeaders(incoming: Incoming): Headers {
  const standIn: StandIn = create(prototype);
  standIn[INCOMING] = incoming;
  standIn[BUILT] = undefined;
  return standIn as unknown as Headers;
}

function build(standIn: StandIn): Headers {
  if (standIn[BUILT] !== undefined) return standIn[BUILT];
  return standIn[BUILT] = new NativeHeaders(standIn[INCOMING].headers());
}
