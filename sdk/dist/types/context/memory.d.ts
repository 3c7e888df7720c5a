/**
 * `ctx.memory`: small values that outlive a request.
 *
 * @module
 */
/** The longest value that `set` takes, in characters. */
export declare const MEMORY_VALUE_CHARACTERS = 255;
/** The longest time to live, in seconds: one day. */
export declare const MEMORY_TTL_SECONDS = 86400;
/** Keeps small values between requests, scoped to the function and its user or conversation. */
export interface MemoryClient {
    /** Whether there is a store. Without one every call throws. */
    readonly available: boolean;
    /**
     * Reads a text.
     *
     * @param key Its key.
     * @param defaultValue What to answer when there is none. Default `null`.
     */
    get(key: string): Promise<string | null>;
    /** Reads a text, with a default. */
    get<D>(key: string, defaultValue: D): Promise<string | D>;
    /**
     * Keeps a text.
     *
     * @param key Its key.
     * @param value At most 255 characters.
     * @param ttl Seconds to keep it, at most 86,400.
     */
    set(key: string, value: string, ttl?: number): Promise<void>;
    /**
     * Reads what `setJson` kept.
     *
     * @param key Its key.
     * @param defaultValue What to answer when there is none. Default `null`.
     */
    getJson<T = unknown>(key: string): Promise<T | null>;
    /** Reads what `setJson` kept, with a default. */
    getJson<T, D>(key: string, defaultValue: D): Promise<T | D>;
    /**
     * Keeps a value as JSON.
     *
     * @param key Its key.
     * @param value Anything that JSON can express.
     * @param ttl Seconds to keep it, at most 86,400.
     */
    setJson(key: string, value: unknown, ttl?: number): Promise<void>;
    /** Forgets a value. It is no error when there is none. */
    delete(key: string): Promise<void>;
}
