/**
 * A caller's headers without the platform's. Most handlers look one up; the copy is made only for more.
 *
 * @module
 */
import { standInPrototype } from "./lazy_object.ts";
import type { Incoming } from "./incoming.ts";
import {
  appendHeader,
  create,
  defineProperty,
  eachHeader,
  getHeader,
  matches,
  NativeHeaders,
  startsWith,
  toLowerCase,
} from "./primordials.ts";

/** What headers that only the platform sets begin with. */
const PLATFORM_PREFIX = "x-jelou-";
/** Names that can be looked up as they are; the platform's own objects say what is wrong with others. */
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
    const lower = toLowerCase(known);
    return startsWith(lower, PLATFORM_PREFIX) ? null : this[INCOMING].header(lower);
  },
});
defineProperty(prototype, "has", {
  value(this: StandIn, name: string): boolean {
    return (this as unknown as Headers).get(name) !== null;
  },
});

/** Makes the function's view of headers; it can be changed without changing the others. */
export function outwardHeaders(incoming: Incoming): Headers {
  const standIn: StandIn = create(prototype);
  standIn[INCOMING] = incoming;
  standIn[BUILT] = undefined;
  return standIn as unknown as Headers;
}

function build(standIn: StandIn): Headers {
  if (standIn[BUILT] !== undefined) return standIn[BUILT];
  const copy = new NativeHeaders();
  eachHeader(standIn[INCOMING].headers(), (value: string, name: string) => {
    if (!startsWith(name, PLATFORM_PREFIX)) appendHeader(copy, name, value);
  });
  return standIn[BUILT] = copy;
}
