/**
 * Mocks of the third argument of a handler.
 *
 * @module
 */

/** The options of a mock request. */
export interface MockRequestOptions {
  /** Default `"https://test-function.fn.localhost/"`. A relative URL is resolved against it. */
  url?: string | URL;
  /** Default `"POST"` with a body, `"GET"` without. */
  method?: string;
  /** Headers. */
  headers?: HeadersInit;
  /** The body, sent unchanged. */
  body?: BodyInit | null;
  /** A value to send as JSON, with the content type `application/json`. */
  json?: unknown;
  /** The signal that aborts the request. */
  signal?: AbortSignal;
}

/**
 * Creates a web request.
 *
 * ```ts
 * import { createMockRequest } from "@jelou/functions/testing";
 *
 * const request = createMockRequest({ url: "/orders/7?full=1", json: { name: "Ana" } });
 * ```
 */
export function createMockRequest(options: MockRequestOptions = {}): Request {
  const headers = new Headers(options.headers);
  let body = options.body ?? null;
  if (options.json !== undefined) {
    body = JSON.stringify(options.json);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
  }
  return new Request(new URL(options.url ?? "/", "https://test-function.fn.localhost/"), {
    method: options.method ?? (body === null ? "GET" : "POST"),
    headers,
    body,
    signal: options.signal ?? null,
  });
}
