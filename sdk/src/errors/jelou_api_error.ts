/**
 * The error of `ctx.jelou`.
 *
 * @module
 */

/**
 * The error of a call to the Jelou API that failed or could not be made.
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
export class JelouApiError extends Error {
  /** Always `"JelouApiError"`. */
  override readonly name = "JelouApiError";
  /** The HTTP status of the answer; 0 when there was no answer. */
  readonly status: number;
  /**
   * A code to branch on. It is the API's own code, if the API sends one. Otherwise it is `"RATE_LIMITED"`,
   * `"UNAUTHORIZED"`, `"FORBIDDEN"`, `"REQUEST_FAILED"` or `"SERVER_ERROR"`, or `"INVALID_RESPONSE"` if the answer has
   * no message id. Without an answer of the API it is `"UNAVAILABLE"` (no credentials), `"INVALID_ARGUMENT"` (nothing
   * was sent) or `"NETWORK_ERROR"`.
   */
  readonly code: string;

  /**
   * Creates an error, for tests and for code that replaces the API.
   *
   * @param message What went wrong.
   * @param status The HTTP status. Default 0: there was no answer.
   * @param code A code to branch on. Default `"UNKNOWN"`.
   * @param options May contain the cause.
   */
  constructor(message: string, status = 0, code = "UNKNOWN", options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }

  /** Whether the API's rate limit was exceeded: status 429. */
  isRateLimit(): boolean {
    return this.status === 429;
  }

  /** Whether the API refused the credentials: status 401 or 403. */
  isAuth(): boolean {
    return this.status === 401 || this.status === 403;
  }
}
