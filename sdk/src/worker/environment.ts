/**
 * `process.env` and `Deno.env`: the function's secrets, in the memory of this process.
 *
 * Both are views of one object, so a write through one is visible through the other. The values are not in the
 * environment of the operating system. The time zone is the exception, because the runtime reads it there.
 *
 * @module
 */
import { log } from "./log.ts";
import { isReserved } from "./env.ts";
import { apply, defineProperty, hasOwn, NativeProxy, NativeTypeError } from "./primordials.ts";
import { noteUnset } from "./missing_secrets.ts";

const TIME_ZONE = "TZ";

/** Packages read `NODE_ENV` when they are imported, and many are faster in production mode. */
const DEFAULTS = { NODE_ENV: "production" };

/** The variables. The object inherits from `Object.prototype`, like `process.env` in Node. */
const variables: Record<string, string> = {};

const { set: setOfSystem } = Deno.env;
let warnedOfTimeZone = false;

/** Node's `process.env`. */
export const processEnv: Record<string, string> = new NativeProxy(variables, {
  get(target, key) {
    if (typeof key === "string" && !(key in target)) noteUnset(key);
    return (target as Record<PropertyKey, unknown>)[key];
  },
  set(_target, key, value) {
    if (typeof key === "symbol") throw new NativeTypeError("Cannot convert a Symbol value to a string");
    setVariable(key, `${value}`);
    return true;
  },
  defineProperty(_target, key, { value }) {
    if (typeof key === "symbol") throw new NativeTypeError("Cannot convert a Symbol value to a string");
    setVariable(key, `${value}`);
    return true;
  },
});

/** Fills the environment and makes `Deno.env` read it. */
export function provideEnvironment(secrets: Readonly<Record<string, string>>): void {
  const initial = { ...DEFAULTS, ...secrets };
  for (const name of Object.keys(initial)) {
    if (!isReserved(name)) setVariable(name, String(initial[name as keyof typeof initial]));
  }
  // Changes the object `Deno.env` instead of replacing it, because the runtime's own modules use the same object.
  Object.assign(Deno.env, {
    get: (key: string): string | undefined => {
      if (hasOwn(variables, key)) return variables[key];
      noteUnset(key);
      return undefined;
    },
    has: (key: string): boolean => hasOwn(variables, key),
    set: (key: string, value: string): void => setVariable(`${key}`, `${value}`),
    delete: (key: string): void => {
      delete variables[key];
    },
    toObject: (): Record<string, string> => ({ ...variables }),
  });
}

function setVariable(key: string, value: string): void {
  defineProperty(variables, key, { value, writable: true, enumerable: true, configurable: true });
  if (key === TIME_ZONE) setTimeZone(value);
}

/** Sets the time zone of the process. The runtime then reads it again. An unknown name has no effect, as in Node. */
function setTimeZone(zone: string): void {
  try {
    apply(setOfSystem, Deno.env, [TIME_ZONE, zone]);
  } catch {
    if (warnedOfTimeZone) return;
    warnedOfTimeZone = true;
    log("WARN", ["process.env.TZ has no effect here; set it as a secret, or format dates with a timeZone"]);
  }
}
