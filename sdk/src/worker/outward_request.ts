/**
 * The web `Request` that a handler gets as its third argument. It is a stand-in: the real `Request` is built when the
 * handler uses more than the main fields.
 *
 * @module
 */
import { standInPrototype } from "./lazy_object.ts";
import { HttpIncoming, type Incoming } from "./incoming.ts";
import { outwardHeaders } from "./outward_headers.ts";
import {
  create,
  defineProperty,
  matches,
  NativeRequest,
  NativeURL,
  requestMethod,
  requestUrl,
  urlHref,
} from "./primordials.ts";

const INCOMING = Symbol("incoming");
const URL_TEXT = Symbol("url");
const BYTES = Symbol("bytes");
const HEADERS = Symbol("headers");
const BUILT = Symbol("built");

interface StandIn {
  [INCOMING]: Incoming;
  [URL_TEXT]: string;
  [BYTES]: Uint8Array<ArrayBuffer> | null;
  [HEADERS]: Headers | undefined;
  [BUILT]: Request | undefined;
}

const prototype = standInPrototype(new NativeRequest("http://localhost/"), build);

// The most used fields do not build the real `Request`, because parsing the URL alone takes longer than a small
// handler.
const shortcuts: Record<string, (this: StandIn) => unknown> = {
  url() {
    return matches(NORMAL, this[URL_TEXT]) ? this[URL_TEXT] : urlHref(new NativeURL(this[URL_TEXT]));
  },
  method() {
    return this[INCOMING].method;
  },
  headers() {
    return headersOf(this);
  },
  signal() {
    return this[INCOMING].signal();
  },
};
for (const [name, get] of Object.entries(shortcuts)) defineProperty(prototype, name, { get });

/**
 * Matches URLs that a URL parser would not change: they have no dot segments, no characters to encode, and no default
 * port.
 */
const NORMAL =
  /^https?:\/\/[a-z0-9.-]+(?::(?!0|80\/|443\/)\d{2,5})?(?:\/(?!\.|%2[eE])[\w~:@!$&()*+,;=%.-]*)+(?:\?[\w~:@!$&()*+,;=%./?-]*)?$/;

/** Whether stand-ins work with this Deno version. If not, each request is built at once. */
const standInsWork = check();

/**
 * Creates the function's view of a request.
 *
 * @param incoming The request from the gateway.
 * @param url The URL that the caller used.
 * @param bytes The body, if it has been read.
 */
export function outwardRequest(
  incoming: Incoming,
  url: string,
  bytes: Uint8Array<ArrayBuffer> | null,
): Request {
  const standIn = createStandIn(incoming, url, bytes);
  if (standInsWork) return standIn as unknown as Request;
  const request = build(standIn);
  (request as unknown as StandIn)[INCOMING] = incoming;
  return request;
}

/** Returns the gateway's request behind a function's request. Returns any other request unchanged. */
export function incomingRequest(request: Request): Request {
  return (request as unknown as Partial<StandIn>)[INCOMING]?.native ?? request;
}

function createStandIn(incoming: Incoming, url: string, bytes: Uint8Array<ArrayBuffer> | null): StandIn {
  const standIn: StandIn = create(prototype);
  standIn[INCOMING] = incoming;
  standIn[URL_TEXT] = url;
  standIn[BYTES] = bytes;
  standIn[HEADERS] = undefined;
  standIn[BUILT] = undefined;
  return standIn;
}

function build(standIn: StandIn): Request {
  if (standIn[BUILT] !== undefined) return standIn[BUILT];
  const incoming = standIn[INCOMING];
  const { method } = incoming;
  const bodiless = method === "GET" || method === "HEAD";
  return standIn[BUILT] = new NativeRequest(standIn[URL_TEXT], {
    method,
    headers: headersOf(standIn),
    body: bodiless ? null : standIn[BYTES] ?? incoming.stream(),
    signal: incoming.signal(),
  });
}

function headersOf(standIn: StandIn): Headers {
  return standIn[HEADERS] ??= outwardHeaders(standIn[INCOMING]);
}

/** Tests a stand-in in operations where the runtime reads the internal state. */
function check(): boolean {
  const incoming = new HttpIncoming(
    new NativeRequest("http://localhost/", { method: "PUT", headers: { a: "b" } }),
  );
  try {
    const standIn = createStandIn(incoming, "http://probe.localhost/", null) as unknown as Request;
    const copy = new NativeRequest(standIn);
    return requestUrl(copy) === "http://probe.localhost/" && requestMethod(copy) === "PUT" &&
      copy.headers.get("a") === "b";
  } catch {
    return false;
  }
}
