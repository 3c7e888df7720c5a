/**
 * The limits of `ctx.memory`, as the worker and the mock enforce them.
 *
 * @module
 */
import {
  MEMORY_JSON_BYTES,
  MEMORY_KEY_BYTES,
  MEMORY_TTL_SECONDS,
  MEMORY_VALUE_CHARACTERS,
} from "./memory.ts";

const { stringify } = JSON;
const { isArray } = Array;

/** What every call throws when there is no store. */
export function memoryUnavailable(): Error {
  return new Error(
    "ctx.memory is not available: the platform has no memory store. Check ctx.memory.available",
  );
}

/** A key that can be stored. */
export function checkedKey(key: unknown): string {
  if (typeof key !== "string" || key === "") {
    throw new TypeError("ctx.memory: the key must be a non-empty string");
  }
  if (key.length > MEMORY_KEY_BYTES) {
    throw new RangeError(
      `ctx.memory: a key has at most ${MEMORY_KEY_BYTES} bytes, and this one ${key.length} characters`,
    );
  }
  return key;
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

/**
 * The JSON that `setJson` keeps. A value that is too long is refused before its JSON is made: the number of its characters
 * is never over that of its bytes.
 *
 * @param maxBytes The platform's limit, which has the last word.
 */
export function checkedJson(value: unknown, maxBytes = MEMORY_JSON_BYTES): string {
  let characters = 0;
  const text = stringify(value, function (this: unknown, key: string, item: unknown): unknown {
    characters += (isArray(this) ? 0 : key.length) + (typeof item === "string" ? item.length : 1);
    if (characters > maxBytes) {
      throw new RangeError(
        `ctx.memory.setJson(): the value is over ${maxBytes} bytes of JSON (limits.max_memory_value_bytes, the server's)`,
      );
    }
    return item;
  });
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
