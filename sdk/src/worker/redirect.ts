/**
 * Follows redirects between functions, by the rules of the Fetch standard.
 *
 * Deno would send the redirected request over the connection of the original request. Here, each redirect
 * gets the connection that its URL needs.
 *
 * @module
 */
import { PARENT_HEADER } from "./egress.ts";
import {
  deleteHeader,
  getHeader,
  NativeRequest,
  NativeTypeError,
  NativeURL,
  requestHeaders,
  requestMethod,
  requestSignal,
  requestUrl,
  responseHeaders,
  responseStatus,
} from "./primordials.ts";

/** Maximum number of redirects of one call. */
export const MAX_REDIRECTS = 20;

/** Whether a response is a redirect. */
export function isRedirect(response: Response): boolean {
  const status = responseStatus(response);
  return (status === 301 || status === 302 || status === 303 || status === 307 || status === 308) &&
    getHeader(responseHeaders(response), "location") !== null;
}

/**
 * Creates the request that follows a redirect.
 *
 * @param request The request that was redirected.
 * @param body The body of `request`. `undefined` if its body was consumed and cannot be sent again.
 * @param response The redirect.
 * @throws {TypeError} If the redirected request needs a body that was consumed.
 */
export function redirectedRequest(
  request: Request,
  body: BodyInit | null | undefined,
  response: Response,
): Request {
  const from = new NativeURL(requestUrl(request));
  const to = new NativeURL(getHeader(responseHeaders(response), "location")!, from);
  const method = requestMethod(request);
  const toGet = becomesGet(method, responseStatus(response));
  const bodiless = toGet || request.body === null;
  if (!bodiless && (body === undefined || body instanceof ReadableStream)) {
    throw new NativeTypeError(`${from} redirects, and a streamed body cannot be sent twice`);
  }
  const next = new NativeRequest(to, {
    method: toGet ? "GET" : method,
    headers: requestHeaders(request),
    body: bodiless ? null : body!,
    signal: requestSignal(request),
  });
  const headers = requestHeaders(next);
  deleteHeader(headers, PARENT_HEADER);
  if (toGet) { for (const name of ["content-type", "content-length"]) deleteHeader(headers, name); }
  if (to.origin !== from.origin) {
    for (const name of ["authorization", "cookie", "x-jelou-token"]) deleteHeader(headers, name);
  }
  return next;
}

function becomesGet(method: string, status: number): boolean {
  if (status === 303) return method !== "GET" && method !== "HEAD";
  return (status === 301 || status === 302) && method === "POST";
}
