/**
 * Mocks of the third argument of a handler.
 *
 * @module
 */

/** What a mock request should be. */
export interface MockRequestOptions {
  /** Default `"https://test-function.fn.localhost/"`; a path alone is taken on that host. */
  url?: string | URL;
  /** Default `"POST"` with a body, `"GET"` without. */
  method?: string;
  /** Headers. */
  headers?: HeadersInit;
  /** The body as it is. */
  body?: BodyInit | null;
  /** A body to be sent as JSON, with its content type. */
  json?: unknown;
  /** Aborts the request. */
  signal?: AbortSignal;
}

/**
 * Makes a web request.
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
