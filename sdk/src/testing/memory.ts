/**
 * A mock of `ctx.memory` that stores its values in this process.
 *
 * @module
 */
import type { MemoryClient } from "@jelou/functions";
import { MEMORY_TTL_SECONDS } from "../context/memory.ts";
import {
  checkedJson,
  checkedKey,
  checkedText,
  checkedTtl,
  memoryUnavailable,
} from "../context/memory_rules.ts";

/** The options of the mock. */
export interface MockMemoryOptions {
  /** Default `true`. With `false`, every call throws, as on a platform without a store. */
  available?: boolean;
  /** Initial values, which never expire. A value that is not a string is stored as JSON. */
  values?: Record<string, unknown>;
  /** Returns the current time in milliseconds. Default `Date.now`. */
  now?: () => number;
}

/** A memory client whose values a test can read. */
export interface MockMemoryClient extends MemoryClient {
  /** The stored texts that have not expired, by key. */
  entries(): Record<string, string>;
}

interface Entry {
  readonly text: string;
  readonly expires: number;
}

/**
 * Creates a memory client with the limits of `ctx.memory` on keys, values and times to live. Only the server limits the
 * number of values.
 *
 * ```ts
 * import { createMockContext, createMockMemoryClient } from "@jelou/functions/testing";
 *
 * const memory = createMockMemoryClient({ values: { visits: 1 } });
 * await createMockContext({ memory }).memory.setJson("visits", 2);
 * memory.entries(); // { visits: "2" }
 * ```
 */
export function createMockMemoryClient(options: MockMemoryOptions = {}): MockMemoryClient {
  const { available = true, values = {}, now = Date.now } = options;
  const kept = new Map<string, Entry>();
  for (const [key, value] of Object.entries(values)) {
    kept.set(key, { text: typeof value === "string" ? value : checkedJson(value), expires: Infinity });
  }
  const read = (key: string): string | undefined => {
    if (!available) throw memoryUnavailable();
    const entry = kept.get(checkedKey(key));
    return entry !== undefined && entry.expires > now() ? entry.text : undefined;
  };
  const write = (key: string, text: string, ttl: number | undefined): void => {
    if (!available) throw memoryUnavailable();
    const expires = now() + checkedTtl(ttl ?? MEMORY_TTL_SECONDS) * 1_000;
    kept.set(checkedKey(key), { text, expires });
  };
  // An error must reject the promise, as on the platform, and not be thrown by the call.
  const later = <T>(action: () => T): Promise<T> => new Promise((resolve) => resolve(action()));
  return {
    available,
    get: (key: string, defaultValue: unknown = null) => later(() => read(key) ?? defaultValue),
    set: (key, value, ttl) => later(() => write(key, checkedText(value), ttl)),
    getJson: (key: string, defaultValue: unknown = null) =>
      later(() => {
        const text = read(key);
        return text === undefined ? defaultValue : JSON.parse(text);
      }),
    setJson: (key, value, ttl) => later(() => write(key, checkedJson(value), ttl)),
    delete: (key) =>
      later(() => {
        read(key);
        kept.delete(key);
      }),
    entries: () => {
      const live = [...kept].filter(([, entry]) => entry.expires > now());
      return Object.fromEntries(live.map(([key, entry]) => [key, entry.text]));
    },
  } as MockMemoryClient;
}
