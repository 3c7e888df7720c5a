/**
 * `fetch` for user code: what is addressed to a function of this platform takes the platform's own way, and
 * everything else goes out untouched.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { type EgressFetch, PARENT_HEADER } from "./egress.ts";
import { isRedirect, MAX_REDIRECTS, redirectedRequest } from "./redirect.ts";
import {
  defineProperty,
  deleteHeader,
  eachHeader,
  endsWith,
  nativeFetch,
  NativeRequest,
  NativeTypeError,
  NativeURL,
  requestHeaders,
  requestRedirect,
  requestUrl,
  setHeader,
  slice,
  startsWith,
  toLowerCase,
  urlHostname,
  urlHref,
} from "./primordials.ts";

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

  const fetchPlatform = async (
    original: Request,
    body: BodyInit | null | undefined,
    redirects: number,
  ): Promise<Response> => {
    if (egress === null) {
      throw new NativeTypeError(
        `${requestUrl(original)} is a function of this platform, and functions cannot be called from here`,
      );
    }
    const mode = requestRedirect(original);
    const request = mode === "manual" ? original : new NativeRequest(original, { redirect: "manual" });
    setPlatformHeaders(requestHeaders(request));
    const response = await egress(request);
    if (mode === "manual" || !isRedirect(response)) return response;
    await response.body?.cancel();
    if (mode === "error") {
      throw new NativeTypeError(`${requestUrl(request)} redirects, and redirect is "error"`);
    }
    if (redirects === MAX_REDIRECTS) {
      throw new NativeTypeError(`${requestUrl(request)} redirects more than ${MAX_REDIRECTS} times`);
    }
    const next = redirectedRequest(request, body, response);
    const followed =
      await (isPlatformUrl(next)
        ? fetchPlatform(next, next.body === null ? null : body, redirects + 1)
        : nativeFetch(next));
    return defineProperty(followed, "redirected", { value: true });
  };

  // Asynchronous, because a request that cannot be made has to reject.
  const startPlatform = async (input: FetchInput, init: RequestInit | undefined): Promise<Response> =>
    await fetchPlatform(new NativeRequest(input, init), init?.body, 0);

  return function fetch(input: FetchInput, init?: RequestInit): Promise<Response> {
    return isPlatformUrl(input) ? startPlatform(input, init) : nativeFetch(input, init);
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
