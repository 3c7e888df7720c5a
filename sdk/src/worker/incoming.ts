/**
 * A request as the gateway sends it, whichever way it came: over HTTP, or as a frame of the call channel.
 *
 * @module
 */
import { CALL_HEADER, CallFacts, NO_FACTS } from "./call_facts.ts";
import {
  deleteHeader,
  getHeader,
  indexOf,
  NativeHeaders,
  requestBody,
  requestBytes,
  requestHeaders,
  requestMethod,
  requestSignal,
  requestText,
  requestUrl,
  signalAborted,
  slice,
} from "./primordials.ts";

/** What the worker asks of a request. */
export interface Incoming {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly facts: CallFacts;
  /** The `content-type`; empty when there is none. */
  readonly contentType: string;
  /** A header by its name in lower case. */
  header(name: string): string | null;
  headers(): Headers;
  /** Whether there may be a body. */
  hasBody(): boolean;
  /** The body as text. It can be read once, in one of these three ways. */
  text(): string | Promise<string>;
  bytes(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  stream(): BodyInit | null;
  /** Aborted when the caller goes away. */
  signal(): AbortSignal;
  isAborted(): boolean;
  /** The platform's own object, for what only works with that one: a WebSocket upgrade. */
  readonly native: Request | null;
}

/** A request that came over HTTP. */
export class HttpIncoming implements Incoming {
  readonly native: Request;
  readonly method: string;
  readonly target: string;
  readonly facts: CallFacts;
  /** Copied at once: after an upgrade to a WebSocket, the request says no more. */
  readonly #headers: Headers;

  constructor(request: Request) {
    this.native = request;
    this.#headers = new NativeHeaders(requestHeaders(request));
    this.facts = new CallFacts(getHeader(this.#headers, CALL_HEADER) ?? NO_FACTS);
    deleteHeader(this.#headers, CALL_HEADER);
    this.method = requestMethod(request);
    this.target = targetOf(requestUrl(request));
  }

  get contentType(): string {
    return this.header("content-type") ?? "";
  }

  header(name: string): string | null {
    return getHeader(this.#headers, name);
  }

  headers(): Headers {
    return this.#headers;
  }

  hasBody(): boolean {
    return this.header("content-length") !== "0" && requestBody(this.native) !== null;
  }

  text(): Promise<string> {
    return requestText(this.native);
  }

  bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return requestBytes(this.native) as Promise<Uint8Array<ArrayBuffer>>;
  }

  stream(): BodyInit | null {
    return requestBody(this.native);
  }

  signal(): AbortSignal {
    return requestSignal(this.native);
  }

  isAborted(): boolean {
    try {
      return signalAborted(requestSignal(this.native));
    } catch {
      // The request is no more: its connection has become a WebSocket's.
      return false;
    }
  }
}

/** The path and query of a request that came over a unix socket, where its URL is `http+unix://host/path`. */
function targetOf(url: string): string {
  const start = indexOf(url, "/", indexOf(url, "://") + 3);
  return start < 0 ? "/" : slice(url, start);
}
