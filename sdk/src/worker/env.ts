/**
 * `ctx.env`: the function's secrets.
 *
 * @module
 */
import type { Env } from "../context/context.ts";
import { create, freeze, keys, startsWith } from "./primordials.ts";
import { noteUnset } from "./missing_secrets.ts";

/** The prefix of keys that belong to the platform. The function cannot see them. */
const RESERVED_PREFIX = "__FN_";

/** Whether a key belongs to the platform. */
export function isReserved(key: string): boolean {
  return startsWith(key, RESERVED_PREFIX);
}

/** Creates `ctx.env` from the secrets. */
export function createEnv(secrets: Readonly<Record<string, string>>): Env {
  const values: Record<string, string> = create(null);
  const names = keys(secrets);
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (!isReserved(name)) values[name] = String(secrets[name]);
  }
  return freeze({
    get: (key: string): string | undefined => {
      if (!(key in values)) noteUnset(key);
      return values[key];
    },
    has: (key: string): boolean => key in values,
    toObject: (): Record<string, string> => ({ ...values }),
  });
}
