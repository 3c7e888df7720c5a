/**
 * The error of `ctx.jelou`.
 *
 * @module
 */
/**
 * A call to the Jelou API that did not succeed, or that could not be made.
 *
 * ```ts
 * import { define, JelouApiError, response } from "@jelou/functions";
 *
 * export default define({
 *   description: "Says hello",
 *   handler: async (_input, ctx) => {
 *     try {
 *       return await ctx.jelou.send({ type: "text", to: "593987654321", text: "Hola" });
 *     } catch (error) {
 *       if (error instanceof JelouApiError && error.isRateLimit()) return response.status(429).empty();
 *       throw error;
 *     }
 *   },
 * });
 * ```
 */
export declare class JelouApiError extends Error {
    /** Always `"JelouApiError"`. */
    readonly name = "JelouApiError";
    /** The HTTP status of the answer; 0 when there was no answer. */
    readonly status: number;
    /**
     * A code to branch on: the API's own or, where it gives none, `"RATE_LIMITED"`, `"UNAUTHORIZED"`, `"FORBIDDEN"`,
     * `"REQUEST_FAILED"` or `"SERVER_ERROR"`. Without an answer of the API: `"UNAVAILABLE"` (no credentials),
     * `"INVALID_ARGUMENT"` (nothing was sent) or `"NETWORK_ERROR"`; `"INVALID_RESPONSE"` when it gives no id.
     */
    readonly code: string;
    /**
     * Makes an error, for tests and for code that stands for the API.
     *
     * @param message What went wrong.
     * @param status The HTTP status. Default 0: there was no answer.
     * @param code A code to branch on. Default `"UNKNOWN"`.
     * @param options The cause, if there is one.
     */
    constructor(message: string, status?: number, code?: string, options?: ErrorOptions);
    /** Whether the API asked to slow down: the status 429. */
    isRateLimit(): boolean;
    /** Whether the credentials were refused: the status 401 or 403. */
    isAuth(): boolean;
}
