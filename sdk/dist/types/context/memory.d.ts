/**
 * `ctx.memory`: small values that outlive a request.
 *
 * @module
 */
/** The longest value that `set` takes, in characters. */
export declare const MEMORY_VALUE_CHARACTERS = 255;
/** The longest key, in bytes. */
export declare const MEMORY_KEY_BYTES = 255;
/** The longest JSON that `setJson` takes, in bytes, unless the operator says otherwise. */
export declare const MEMORY_JSON_BYTES = 65536;
/** The longest time to live, in seconds: one day. */
export declare const MEMORY_TTL_SECONDS = 86400;
/**
 * Keeps small values between requests, scoped to the function and the user of the request, else its conversation,
 * else to all requests that name neither. Values outlive processes and deploys. A call throws when the platform
 * refuses it, e.g. because the function keeps too many values.
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
    /** Whether there is a store. Without one every call throws. */
    readonly available: boolean;
    /**
     * Reads a text; `null` when there is none.
     *
     * @param key Its key, at most 255 bytes.
     */
    get(key: string): Promise<string | null>;
    /**
     * Reads a text, with a default.
     *
     * @param key Its key, at most 255 bytes.
     * @param defaultValue What to answer when there is none.
     */
    get<D>(key: string, defaultValue: D): Promise<string | D>;
    /**
     * Keeps a text.
     *
     * @param key Its key, at most 255 bytes.
     * @param value At most 255 characters.
     * @param ttl Seconds to keep it, more than 0 and at most 86,400. Default 86,400: one day.
     * @throws {RangeError} When the value or the time is over its limit.
     */
    set(key: string, value: string, ttl?: number): Promise<void>;
    /**
     * Reads what `setJson` kept; `null` when there is none.
     *
     * @param key Its key, at most 255 bytes.
     */
    getJson<T = unknown>(key: string): Promise<T | null>;
    /**
     * Reads what `setJson` kept, with a default.
     *
     * @param key Its key, at most 255 bytes.
     * @param defaultValue What to answer when there is none.
     */
    getJson<T, D>(key: string, defaultValue: D): Promise<T | D>;
    /**
     * Keeps a value as JSON.
     *
     * @param key Its key, at most 255 bytes.
     * @param value Anything that JSON can express, up to 64 KB of it unless the operator says otherwise.
     * @param ttl Seconds to keep it, more than 0 and at most 86,400. Default 86,400: one day.
     * @throws {RangeError} When the value or the time is over its limit.
     */
    setJson(key: string, value: unknown, ttl?: number): Promise<void>;
    /** Forgets a value. It is no error when there is none. */
    delete(key: string): Promise<void>;
}
