/**
 * Answers to requests, and the platform's own error answers. The bodies of the error answers are part of the platform's
 * contract.
 *
 * @module
 */
import { NativeResponse, stringify } from "./primordials.ts";
import type { IssueDetail } from "./validation.ts";

/** An answer whose body is in memory. */
export interface PlainAnswer {
  readonly status: number;
  /** Names in lower case, and values. `null` stands for `content-type: application/json` alone. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]> | null;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
}

/** The answer to a request: a web `Response` if its body is a stream. */
export type Answer = PlainAnswer | Response;

/** Headers of every JSON answer. */
const JSON_HEADERS = { "content-type": "application/json" };

export const json = (status: number, body: unknown): PlainAnswer => ({
  status,
  headers: null,
  body: stringify(body),
});

/** Converts an answer to a web `Response`. */
export function toResponse(answer: Answer): Response {
  if (answer instanceof NativeResponse) return answer;
  const { status, headers, body } = answer;
  return new NativeResponse(body, {
    status,
    headers: headers === null ? JSON_HEADERS : headers as HeadersInit,
  });
}

/** The answer if the input does not match its schema. */
export const validationFailed = (details: readonly IssueDetail[]): PlainAnswer =>
  json(400, { error: "Validation failed", details });

/** The answer if the content type is JSON, but the body does not parse. */
export const invalidJson = (fault: string): PlainAnswer =>
  json(400, {
    error: "Invalid JSON",
    details: [{ path: [], message: `The body is not JSON: ${fault}`, code: "custom" }],
  });

/** The answer if the body's charset is unknown. */
export const unsupportedCharset = (): PlainAnswer => json(415, { error: "Unsupported charset" });

/** The answer if the body's content coding is unknown. */
export const unsupportedEncoding = (): PlainAnswer => ({
  status: 415,
  headers: [["content-type", "application/json"], ["accept-encoding", "gzip, deflate, br, zstd"]],
  body: stringify({ error: "Unsupported content encoding" }),
});

/** The answer if the body does not match its content coding. */
export const invalidEncoding = (): PlainAnswer => json(400, { error: "Invalid content encoding" });

/** The answer if the decoded body is over the limit. */
export const tooLarge = (): PlainAnswer => json(413, { error: "Payload too large" });

/** The answer if the handler threw. Only the log has the reason. */
export const internalError = (): PlainAnswer => json(500, { error: "Internal function error" });

/** The answer to a request that arrives before the function is loaded. */
export const unavailable = (): PlainAnswer => json(503, { error: "Function unavailable" });
