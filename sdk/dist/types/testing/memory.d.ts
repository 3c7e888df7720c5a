/**
 * A mock of `ctx.memory` that stores its values in this process.
 *
 * @module
 */
import type { MemoryClient } from "../functions.d.ts";
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
export declare function createMockMemoryClient(options?: MockMemoryOptions): MockMemoryClient;
