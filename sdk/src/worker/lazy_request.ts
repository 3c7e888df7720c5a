/**
 * The web `Request` that a handler gets as its third argument, built only when something looks at it.
 *
 * Deno's `Request` keeps its state under symbols. An object that inherits from `Request.prototype` and
 * answers those symbols from a request that it builds at the first look is a `Request` in every respect, also
 * for `fetch(request)`, `new Request(request)` and `instanceof`. Should a version of Deno keep its state
 * elsewhere, the check below notices at start and requests are built at once.
 *
 * @module
 */
import {
  appendHeader,
  create,
  defineProperty,
  eachHeader,
  getOwnPropertySymbols,
  NativeHeaders,
  NativeRequest,
  requestBody,
  requestHeaders,
  requestMethod,
  requestSignal,
  requestUrl,
  setHeader,
  signalAborted,
  startsWith,
} from "./primordials.ts";

/** The request as it came in, for what only works with that one: a WebSocket upgrade. */
const INCOMING = Symbol("incoming");
const URL_TEXT = Symbol("url");
const BYTES = Symbol("bytes");
const BUILT = Symbol("built");

interface Lazy {
  [INCOMING]: Request;
  [URL_TEXT]: string;
  [BYTES]: Uint8Array<ArrayBuffer> | null;
  [BUILT]: Request | undefined;
}

const prototype: object = create(NativeRequest.prototype);
const state = getOwnPropertySymbols(new NativeRequest("http://localhost/"));
for (const symbol of state) {
  defineProperty(prototype, symbol, {
    get(this: Lazy) {
      return (build(this) as unknown as Record<symbol, unknown>)[symbol];
    },
    set(this: Lazy, value: unknown) {
      (build(this) as unknown as Record<symbol, unknown>)[symbol] = value;
    },
  });
}

/** Whether this Deno's requests can be lazy. */
const lazyWorks = check();

/**
 * Makes the function's view of a request.
 *
 * @param incoming The request from the gateway.
 * @param url The URL that the caller used.
 * @param bytes The body, if it has been read.
 */
export function outwardRequest(
  incoming: Request,
  url: string,
  bytes: Uint8Array<ArrayBuffer> | null,
): Request {
  const lazy: Lazy = create(prototype);
  lazy[INCOMING] = incoming;
  lazy[URL_TEXT] = url;
  lazy[BYTES] = bytes;
  lazy[BUILT] = undefined;
  if (lazyWorks) return lazy as unknown as Request;
  const request = build(lazy);
  (request as unknown as Lazy)[INCOMING] = incoming;
  return request;
}

/** The gateway's request behind a function's request; a request of another origin is given back as it is. */
export function incomingRequest(request: Request): Request {
  return (request as unknown as Partial<Lazy>)[INCOMING] ?? request;
}

/** Whether a handler has looked at its request and so may know about the caller having gone. */
export function hasAborted(request: Request | undefined): boolean {
  const incoming = (request as unknown as Lazy | undefined)?.[INCOMING];
  return incoming !== undefined && (request as unknown as Lazy)[BUILT] !== undefined &&
    signalAborted(requestSignal(incoming));
}

function build(lazy: Lazy): Request {
  if (lazy[BUILT] !== undefined) return lazy[BUILT];
  const incoming = lazy[INCOMING];
  const method = requestMethod(incoming);
  const bodiless = method === "GET" || method === "HEAD";
  return lazy[BUILT] = new NativeRequest(lazy[URL_TEXT], {
    method,
    headers: callerHeaders(requestHeaders(incoming)),
    body: bodiless ? null : lazy[BYTES] ?? requestBody(incoming),
    signal: requestSignal(incoming),
  });
}

/** The caller's headers, without the platform's. */
function callerHeaders(headers: Headers): Headers {
  const copy = new NativeHeaders();
  eachHeader(headers, (value: string, name: string) => {
    if (startsWith(name, "x-jelou-")) return;
    if (name === "set-cookie") appendHeader(copy, name, value);
    else setHeader(copy, name, value);
  });
  return copy;
}

function check(): boolean {
  const probe: Lazy = create(prototype);
  probe[INCOMING] = new NativeRequest("http://localhost/", { method: "PUT" });
  probe[URL_TEXT] = "http://probe.localhost/";
  probe[BYTES] = null;
  probe[BUILT] = undefined;
  try {
    const copy = new NativeRequest(probe as unknown as Request);
    return state.length > 0 && requestUrl(copy) === probe[URL_TEXT] && requestMethod(copy) === "PUT";
  } catch {
    return false;
  }
}
