/**
 * The limits of `ctx.memory`, which the worker and the mock enforce.
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
const encoder = new TextEncoder();

/** The length of a text in bytes of UTF-8. */
function byteLength(text: string): number {
  return encoder.encode(text).length;
}

/** Creates the error that every call throws when there is no store. */
export function memoryUnavailable(): Error {
  return new Error(
    "ctx.memory is not available: the platform has no memory store. Check ctx.memory.available",
  );
}

/** Checks a key and returns it. */
export function checkedKey(key: unknown): string {
  if (typeof key !== "string" || key === "") {
    throw new TypeError("ctx.memory: the key must be a non-empty string");
  }
  if (key.length > MEMORY_KEY_BYTES || byteLength(key) > MEMORY_KEY_BYTES) {
    throw new RangeError(
      `ctx.memory: a key has at most ${MEMORY_KEY_BYTES} bytes of UTF-8, and this one has ${byteLength(key)}`,
    );
  }
  return key;
}

/** Checks a text for `set` and returns it. */
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
 * Converts a value to JSON for `setJson`. Refuses a value over the limit before all of its JSON is built: the number of
 * characters is never over the number of bytes.
 *
 * @param maxBytes The limit of the JSON, in bytes of UTF-8.
 */
export function checkedJson(value: unknown, maxBytes = MEMORY_JSON_BYTES): string {
  let characters = 0;
  const refuse = (): never => {
    throw new RangeError(
      `ctx.memory.setJson(): the value is over ${maxBytes} bytes of JSON (limits.max_memory_value_bytes, the server's)`,
    );
  };
  const text = stringify(value, function (this: unknown, key: string, item: unknown): unknown {
    characters += (isArray(this) ? 0 : key.length) + (typeof item === "string" ? item.length : 1);
    return characters > maxBytes ? refuse() : item;
  });
  if (text === undefined) throw new TypeError(`ctx.memory.setJson(): a ${typeof value} has no JSON form`);
  return byteLength(text) > maxBytes ? refuse() : text;
}

/** Checks a time to live and returns it. */
export function checkedTtl(ttl: unknown): number {
  if (typeof ttl === "number" && ttl > 0 && ttl <= MEMORY_TTL_SECONDS) return ttl;
  throw new RangeError(
    `ctx.memory: the TTL must be more than 0 and at most ${MEMORY_TTL_SECONDS} seconds (one day), and is ${ttl}`,
  );
}
