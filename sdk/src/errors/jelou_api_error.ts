/**
 * The error of `ctx.jelou`.
 *
 * @module
 */

/** A call to the Jelou API that did not succeed, or that could not be made. */
export class JelouApiError extends Error {
  /** Always `"JelouApiError"`. */
  override readonly name = "JelouApiError";
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
  constructor(message: string, status = 0, code = "UNKNOWN", options?: ErrorOptions) {
    super(message, options);
    this.status = status;
    this.code = code;
  }

  /** Whether the API asked to slow down. */
  isRateLimit(): boolean {
    return this.status === 429;
  }

  /** Whether the credentials were refused. */
  isAuth(): boolean {
    return this.status === 401 || this.status === 403;
  }
}
