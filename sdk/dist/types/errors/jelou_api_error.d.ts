/**
 * The error of `ctx.jelou`.
 *
 * @module
 */
/** A call to the Jelou API that did not succeed, or that could not be made. */
export declare class JelouApiError extends Error {
    /** Always `"JelouApiError"`. */
    readonly name = "JelouApiError";
    /** The HTTP status of the answer; 0 when there was no answer. */
    readonly status: number;
    /** A code to branch on, e.g. `"RATE_LIMITED"`, `"UNAVAILABLE"` or the API's own code. */
    readonly code: string;
    /**
     * @param message What went wrong.
     * @param status The HTTP status, or 0.
     * @param code A code to branch on.
     * @param options The cause, if there is one.
     */
    constructor(message: string, status?: number, code?: string, options?: ErrorOptions);
    /** Whether the API asked to slow down. */
    isRateLimit(): boolean;
    /** Whether the credentials were refused. */
    isAuth(): boolean;
}
