/**
 * The limits of `ctx.memory`, as the worker and the mock enforce them.
 *
 * @module
 */
import { MEMORY_TTL_SECONDS, MEMORY_VALUE_CHARACTERS } from "./memory.ts";

const { stringify } = JSON;

/** What every call throws when there is no store. */
export function memoryUnavailable(): Error {
  return new Error(
    "ctx.memory is not available: the platform has no memory store. Check ctx.memory.available",
  );
}

/** A key that can be stored. */
export function checkedKey(key: unknown): string {
  if (typeof key === "string" && key !== "") return key;
  throw new TypeError("ctx.memory: the key must be a non-empty string");
}

/** A text that `set` takes. */
export function checkedText(value: unknown): string {
  if (typeof value !== "string") {
    throw new TypeError(
      `ctx.memory.set() takes a string, and got ${typeof value}. Use setJson() for other values`,
    );
  }
  if (value.length > MEMORY_VALUE_CHARACTERS) {
    throw new RangeError(
      `ctx.memory.set() takes up to ${MEMORY_VALUE_CHARACTERS} characters, and got ${value.length}. ` +
        "Use setJson() for longer values",
    );
  }
  return value;
}

/** The JSON that `setJson` keeps. */
export function checkedJson(value: unknown): string {
  const text = stringify(value);
  if (text === undefined) throw new TypeError(`ctx.memory.setJson(): a ${typeof value} has no JSON form`);
  return text;
}

/** A time to live within the limit. */
export function checkedTtl(ttl: unknown): number {
  if (typeof ttl === "number" && ttl > 0 && ttl <= MEMORY_TTL_SECONDS) return ttl;
  throw new RangeError(
    `ctx.memory: the TTL must be more than 0 and at most ${MEMORY_TTL_SECONDS} seconds (one day), and is ${ttl}`,
  );
}
