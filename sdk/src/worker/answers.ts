/**
 * The answers that the platform gives in the function's place. Their bodies are part of the contract.
 *
 * @module
 */
import { NativeResponse, stringify } from "./primordials.ts";
import type { IssueDetail } from "./validation.ts";

/** Headers of every JSON answer. */
const JSON_HEADERS = { "content-type": "application/json" };

/** A JSON answer. */
export function json(status: number, body: unknown): Response {
  return new NativeResponse(stringify(body), { status, headers: JSON_HEADERS });
}

/** The input does not match its schema. */
export const validationFailed = (details: readonly IssueDetail[]): Response =>
  json(400, { error: "Validation failed", details });

/** The body is not JSON though it says so. */
export const invalidJson = (): Response => json(400, { error: "Invalid JSON" });

/** The handler threw; the reason is in the logs only. */
export const internalError = (): Response => json(500, { error: "Internal function error" });

/** A request came before the function. */
export const unavailable = (): Response => json(503, { error: "Function unavailable" });
