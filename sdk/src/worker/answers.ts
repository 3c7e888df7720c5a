/**
 * What a request is answered with, and the answers that the platform gives in the function's place. Their bodies are
 * part of the contract.
 *
 * @module
 */
import { NativeResponse, stringify } from "./primordials.ts";
import type { IssueDetail } from "./validation.ts";

/** An answer whose body is at hand. */
export interface PlainAnswer {
  readonly status: number;
  /** Names in lower case, and values; `null` is JSON and nothing else. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]> | null;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

/** What a request is answered with: a web `Response` when its body still has to come. */
export type Answer = PlainAnswer | Response;

/** Headers of every JSON answer. */
const JSON_HEADERS = { "content-type": "application/json" };

/** A JSON answer. */
export const json = (status: number, body: unknown): PlainAnswer => ({
  status,
  headers: null,
  body: stringify(body),
});

/** The web `Response` of an answer. */
export function toResponse(answer: Answer): Response {
  if (answer instanceof NativeResponse) return answer;
  const { status, headers, body } = answer;
  return new NativeResponse(body, {
    status,
    headers: headers === null ? JSON_HEADERS : headers as HeadersInit,
  });
}

/** The input does not match its schema. */
export const validationFailed = (details: readonly IssueDetail[]): PlainAnswer =>
  json(400, { error: "Validation failed", details });

/** The body is not JSON though it says so. */
export const invalidJson = (): PlainAnswer => json(400, { error: "Invalid JSON" });

/** The body is in a charset that is not known. */
export const unsupportedCharset = (): PlainAnswer => json(415, { error: "Unsupported charset" });

/** The body has a coding that is not known. */
export const unsupportedEncoding = (): PlainAnswer => ({
  status: 415,
  headers: [["content-type", "application/json"], ["accept-encoding", "gzip, deflate, br, zstd"]],
  body: stringify({ error: "Unsupported content encoding" }),
});

/** The body is not in the coding that it says. */
export const invalidEncoding = (): PlainAnswer => json(400, { error: "Invalid content encoding" });

/** The decoded body is over the limit. */
export const tooLarge = (): PlainAnswer => json(413, { error: "Payload too large" });

/** The handler threw; the reason is in the logs only. */
export const internalError = (): PlainAnswer => json(500, { error: "Internal function error" });

/** A request came before the function. */
export const unavailable = (): PlainAnswer => json(503, { error: "Function unavailable" });
