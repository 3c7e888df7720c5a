/**
 * `fetch` for user code: what is addressed to a function of this platform takes the platform's own way, and
 * everything else goes out untouched.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { type EgressFetch, PARENT_HEADER } from "./egress.ts";
import {
  defineProperty,
  deleteHeader,
  eachHeader,
  endsWith,
  getHeader,
  nativeFetch,
  NativeRequest,
  NativeTypeError,
  NativeURL,
  requestHeaders,
  requestMethod,
  requestRedirect,
  requestUrl,
  responseHeaders,
  responseStatus,
  setHeader,
  slice,
  startsWith,
  toLowerCase,
  urlHostname,
  urlHref,
} from "./primordials.ts";

/** Redirects that are followed in one call, as in the Fetch standard. */
const MAX_REDIRECTS = 20;

type FetchInput = string | URL | Request;

/**
 * Makes the `fetch` that user code gets.
 *
 * @param functionsDomain The domain whose sub-domains are functions.
 * @param egress The platform's own way; `null` where there is none.
 */
export function createFetch(functionsDomain: string, egress: EgressFetch | null): typeof fetch {
  const suffix = "." + toLowerCase(functionsDomain);

  const isPlatformUrl = (input: FetchInput): boolean => {
    let host: string;
    try {
      host = urlHostname(input instanceof NativeURL ? input : new NativeURL(addressOf(input)));
    } catch {
      return false;
    }
    if (endsWith(host, ".")) host = slice(host, 0, -1);
    return endsWith(host, suffix);
  };

  const fetchPlatform = async (input: FetchInput, init: RequestInit | undefined): Promise<Response> => {
    if (egress === null) {
      throw new NativeTypeError(
        `${addressOf(input)} is a function of this platform, and functions cannot be called from here`,
      );
    }
    const original = new NativeRequest(input, init);
    const mode = requestRedirect(original);
    const request = mode === "manual" ? original : new NativeRequest(original, { redirect: "manual" });
    setPlatformHeaders(requestHeaders(request));
    const response = await egress(request);
    if (mode === "manual" || !isRedirect(response)) return response;
    if (mode === "error") {
      throw new NativeTypeError(`${requestUrl(request)} redirects, and redirect is "error"`);
    }
    return await followRedirect(request, init, response);
  };

  const followRedirect = async (request: Request, init: RequestInit | undefined, response: Response) => {
    const from = requestUrl(request);
    const to = new NativeURL(getHeader(responseHeaders(response), "location")!, from);
    const hops = (redirects.get(request) ?? 0) + 1;
    if (hops > MAX_REDIRECTS) throw new NativeTypeError(`${from} redirects more than ${MAX_REDIRECTS} times`);
    const next = redirectedRequest(request, init, to, responseStatus(response));
    redirects.set(next, hops);
    await response.body?.cancel();
    const followed = await (isPlatformUrl(to) ? fetchPlatform(next, undefined) : nativeFetch(next));
    defineProperty(followed, "redirected", { value: true });
    return followed;
  };

  /** Redirects that led to a request. */
  const redirects = new WeakMap<Request, number>();

  return function fetch(input: FetchInput, init?: RequestInit): Promise<Response> {
    return isPlatformUrl(input) ? fetchPlatform(input, init) : nativeFetch(input, init);
  } as typeof fetch;
}

function addressOf(input: FetchInput): string {
  if (input instanceof NativeRequest) return requestUrl(input);
  return input instanceof NativeURL ? urlHref(input) : String(input);
}

/** The platform's headers are the platform's to set; only the token is the caller's. */
function setPlatformHeaders(headers: Headers): void {
  const own: string[] = [];
  eachHeader(headers, (_value: string, name: string) => {
    if (startsWith(name, "x-jelou-") && name !== "x-jelou-token") own[own.length] = name;
  });
  for (let index = 0; index < own.length; index++) deleteHeader(headers, own[index]!);
  const parent = currentContext()?.requestId;
  if (parent) setHeader(headers, PARENT_HEADER, parent);
}

function isRedirect(response: Response): boolean {
  const status = responseStatus(response);
  return (status === 301 || status === 302 || status === 303 || status === 307 || status === 308) &&
    getHeader(responseHeaders(response), "location") !== null;
}

/** The request that follows a redirect, by the rules of the Fetch standard. */
function redirectedRequest(
  request: Request,
  init: RequestInit | undefined,
  to: URL,
  status: number,
): Request {
  const method = requestMethod(request);
  const toGet = (status === 303 && method !== "GET" && method !== "HEAD") ||
    ((status === 301 || status === 302) && method === "POST");
  const body = toGet || request.body === null ? null : init?.body;
  if (body === undefined || (!toGet && body instanceof ReadableStream)) {
    throw new NativeTypeError(`${requestUrl(request)} redirects, and a streamed body cannot be sent twice`);
  }
  const next = new NativeRequest(to, {
    method: toGet ? "GET" : method,
    headers: requestHeaders(request),
    body,
    signal: request.signal,
  });
  const headers = requestHeaders(next);
  deleteHeader(headers, PARENT_HEADER);
  if (toGet) { for (const name of ["content-type", "content-length"]) deleteHeader(headers, name); }
  if (to.origin !== new NativeURL(requestUrl(request)).origin) {
    for (const name of ["authorization", "cookie", "x-jelou-token"]) deleteHeader(headers, name);
  }
  return next;
}
