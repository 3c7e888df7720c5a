/**
 * A mock of `ctx.memory` that keeps its values in this process.
 *
 * @module
 */
import type { MemoryClient } from "../functions.d.ts";
/** How the mock behaves. */
export interface MockMemoryOptions {
    /** Default `true`; with `false` every call throws, as on a platform without a store. */
    available?: boolean;
    /** Values to begin with, which do not end; what is no string is kept as JSON. */
    values?: Record<string, unknown>;
    /** The time in milliseconds. Default `Date.now`. */
    now?: () => number;
}
/** A memory client whose values a test can look at. */
export interface MockMemoryClient extends MemoryClient {
    /** The texts that are kept and not expired, by key. */
    entries(): Record<string, string>;
}
/**
 * Makes a memory client with the limits of `ctx.memory` on texts and on the time to keep a value; those on keys, on
 * JSON and on the number of values are the server's.
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
