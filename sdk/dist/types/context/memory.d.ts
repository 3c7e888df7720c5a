/**
 * `ctx.memory`: small values that outlive a request.
 *
 * @module
 */
/** Maximum length of a value for `set`, in characters. */
export declare const MEMORY_VALUE_CHARACTERS = 255;
/** Maximum length of a key, in bytes. */
export declare const MEMORY_KEY_BYTES = 255;
/** Maximum length of the JSON for `setJson`, in bytes, unless the operator sets another limit. */
export declare const MEMORY_JSON_BYTES = 65536;
/** Maximum time to live, in seconds: one day. */
export declare const MEMORY_TTL_SECONDS = 86400;
/**
 * Stores small values that outlive requests, processes and deploys. Each value belongs to the function and to
 * the user of the request. A request without a user uses the values of its conversation. Requests without a
 * user and without a conversation share one set of values. A call throws when the platform refuses it, e.g.
 * because the function stores too many values.
 *
 * ```ts
 * import { define } from "@jelou/functions";
 *
 * export default define({
 *   description: "Counts visits, until an hour goes by without one",
 *   handler: async (_input, ctx) => {
 *     const visits = (await ctx.memory.getJson<number>("visits") ?? 0) + 1;
 *     await ctx.memory.setJson("visits", visits, 3600);
 *     return { visits };
 *   },
 * });
 * ```
 */
export interface MemoryClient {
    /** Whether the platform has a store. Without a store, every call throws. */
    readonly available: boolean;
    /**
     * Reads a text. Returns `null` if there is none.
     *
     * @param key The key, at most 255 bytes.
     */
    get(key: string): Promise<string | null>;
    /**
     * Reads a text, with a default.
     *
     * @param key The key, at most 255 bytes.
     * @param defaultValue The result if there is no value.
     */
    get<D>(key: string, defaultValue: D): Promise<string | D>;
    /**
     * Stores a text.
     *
     * @param key The key, at most 255 bytes.
     * @param value At most 255 characters.
     * @param ttl Time to live in seconds, more than 0 and at most 86,400. Default 86,400: one day.
     * @throws {RangeError} When the value or the time to live is over its limit.
     */
    set(key: string, value: string, ttl?: number): Promise<void>;
    /**
     * Reads a value that `setJson` stored. Returns `null` if there is none.
     *
     * @param key The key, at most 255 bytes.
     */
    getJson<T = unknown>(key: string): Promise<T | null>;
    /**
     * Reads a value that `setJson` stored, with a default.
     *
     * @param key The key, at most 255 bytes.
     * @param defaultValue The result if there is no value.
     */
    getJson<T, D>(key: string, defaultValue: D): Promise<T | D>;
    /**
     * Stores a value as JSON.
     *
     * @param key The key, at most 255 bytes.
     * @param value Any value with a JSON form, up to 64 KB of JSON unless the operator sets another limit.
     * @param ttl Time to live in seconds, more than 0 and at most 86,400. Default 86,400: one day.
     * @throws {RangeError} When the value or the time to live is over its limit.
     */
    setJson(key: string, value: unknown, ttl?: number): Promise<void>;
    /** Deletes a value. A missing value is not an error. */
    delete(key: string): Promise<void>;
}
