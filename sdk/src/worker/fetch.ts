/**
 * `fetch` for user code. A request to a function of this platform goes over the egress socket. Other requests go out
 * directly, or over the egress socket if the platform uses a proxy.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { type EgressClient, setPlatformHeaders } from "./egress.ts";
import { explained } from "./fetch_failure.ts";
import type { IsPlatformUrl } from "./platform_url.ts";
import { isRedirect, MAX_REDIRECTS, redirectedRequest } from "./redirect.ts";
import { explainRefusals, isInspecting, unreachable } from "./refusal.ts";
import { sendTrace, TRACE_HEADER } from "./trace.ts";
import {
  defineProperty,
  deleteHeader,
  getHeader,
  isError,
  nativeFetch,
  NativeRequest,
  NativeTypeError,
  NativeURL,
  requestHeaders,
  requestRedirect,
  requestUrl,
  responseHeaders,
  responseText,
} from "./primordials.ts";

type FetchInput = string | URL | Request;

/** How `fetch` sends requests to other hosts. */
export interface Outward {
  /** Whether these requests go through the platform's proxy. */
  readonly isProxied: boolean;
  /** Whether these requests carry the `traceparent` of the call. */
  readonly tracesOutside: boolean;
}

/**
 * Creates the `fetch` for user code.
 *
 * @param isPlatformUrl Returns whether a URL belongs to a function of this platform.
 * @param egress The egress socket's client, or `null` without an egress socket.
 * @param outward How requests to other hosts go out.
 */
export function createFetch(
  isPlatformUrl: IsPlatformUrl,
  egress: EgressClient | null,
  { isProxied, tracesOutside }: Outward = { isProxied: false, tracesOutside: false },
): typeof fetch {
  const fetchPlatform = async (
    original: Request,
    body: BodyInit | null | undefined,
    redirects: number,
  ): Promise<Response> => {
    if (egress === null || isInspecting()) {
      throw new NativeTypeError(
        `${requestUrl(original)} is a function of this platform, and functions cannot be called from here`,
      );
    }
    const mode = requestRedirect(original);
    const request = mode === "manual" ? original : new NativeRequest(original, { redirect: "manual" });
    setPlatformHeaders(requestHeaders(request), currentContext()?.requestId);
    const hasTrace = sendTrace(requestHeaders(request));
    const response = await nativeFetch(request, { client: egress() });
    if (mode === "manual" || !isRedirect(response)) return response;
    await response.body?.cancel();
    if (mode === "error") {
      throw new NativeTypeError(`${requestUrl(request)} redirects, and redirect is "error"`);
    }
    if (redirects === MAX_REDIRECTS) {
      throw new NativeTypeError(`${requestUrl(request)} redirects more than ${MAX_REDIRECTS} times`);
    }
    const next = redirectedRequest(request, body, response);
    if (hasTrace) deleteHeader(requestHeaders(next), TRACE_HEADER);
    const followed =
      await (isPlatformUrl(requestUrl(next))
        ? fetchPlatform(next, next.body === null ? null : body, redirects + 1)
        : fetchOther(next, undefined));
    return defineProperty(followed, "redirected", { value: true });
  };

  // Asynchronous, so that an invalid request rejects the promise and does not throw.
  const startPlatform = async (input: FetchInput, init: RequestInit | undefined): Promise<Response> =>
    await fetchPlatform(new NativeRequest(input, init), init?.body, 0);

  const fetchOther = async (input: FetchInput, init: RequestInit | undefined): Promise<Response> => {
    if (isInspecting()) throw new NativeTypeError(unreachable(String(addressOf(input))));
    try {
      const client = (init as { client?: Deno.HttpClient } | undefined)?.client;
      if (tracesOutside && currentContext() !== undefined && client === undefined) {
        input = new NativeRequest(input, init);
        init = undefined;
        sendTrace(requestHeaders(input));
      }
      // A request with a client that the function has created uses that client's connections.
      return await (!isProxied || egress === null || client !== undefined
        ? nativeFetch(input, init)
        : fetchProxied(new NativeRequest(input, init), egress));
    } catch (error) {
      throw explained(withRefusal(error));
    }
  };

  return function fetch(input: FetchInput, init?: RequestInit): Promise<Response> {
    return isPlatformUrl(addressOf(input)) ? startPlatform(input, init) : fetchOther(input, init);
  } as typeof fetch;
}

/** Explains a refused address. The runtime puts the address into the cause of its error. */
function withRefusal(error: unknown): unknown {
  const cause = isError(error) ? error.cause : undefined;
  if (isError(cause)) {
    const message = explainRefusals(cause.message);
    if (message !== cause.message) defineProperty(cause, "message", { value: message });
  }
  return error;
}

/** The header that marks a response as an error of the platform. The body is the error's text. */
const ERROR_HEADER = "x-jelou-egress-error";

async function fetchProxied(request: Request, egress: EgressClient): Promise<Response> {
  setPlatformHeaders(requestHeaders(request), undefined);
  const response = await nativeFetch(request, { client: egress() });
  if (getHeader(responseHeaders(response), ERROR_HEADER) === null) return response;
  throw new NativeTypeError(`fetch failed: ${await responseText(response)}`);
}

function addressOf(input: FetchInput): string | URL {
  if (input instanceof NativeRequest) return requestUrl(input);
  return input instanceof NativeURL ? input : String(input);
}
