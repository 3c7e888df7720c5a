/**
 * A caller's headers without the platform's. Most handlers look one up; the copy is made only for more.
 *
 * @module
 */
import { standInPrototype } from "./lazy_object.ts";
import {
  appendHeader,
  create,
  defineProperty,
  eachHeader,
  getHeader,
  NativeHeaders,
  startsWith,
  toLowerCase,
} from "./primordials.ts";

/** What headers that only the platform sets begin with. */
const PLATFORM_PREFIX = "x-jelou-";

const INCOMING = Symbol("incoming");
const BUILT = Symbol("built");

interface StandIn {
  [INCOMING]: Headers;
  [BUILT]: Headers | undefined;
}

const prototype = standInPrototype(new NativeHeaders(), build);
defineProperty(prototype, "get", {
  value(this: StandIn, name: string): string | null {
    if (this[BUILT] !== undefined) return getHeader(this[BUILT], name);
    return isPlatform(name) ? null : getHeader(this[INCOMING], name);
  },
});
defineProperty(prototype, "has", {
  value(this: StandIn, name: string): boolean {
    return (this as unknown as Headers).get(name) !== null;
  },
});

/** Makes the function's view of headers; it can be changed without changing the others. */
export function outwardHeaders(incoming: Headers): Headers {
  const standIn: StandIn = create(prototype);
  standIn[INCOMING] = incoming;
  standIn[BUILT] = undefined;
  return standIn as unknown as Headers;
}

function build(standIn: StandIn): Headers {
  if (standIn[BUILT] !== undefined) return standIn[BUILT];
  const copy = new NativeHeaders();
  eachHeader(standIn[INCOMING], (value: string, name: string) => {
    if (!isPlatform(name)) appendHeader(copy, name, value);
  });
  return standIn[BUILT] = copy;
}

function isPlatform(name: string): boolean {
  return startsWith(toLowerCase(`${name}`), PLATFORM_PREFIX);
}
