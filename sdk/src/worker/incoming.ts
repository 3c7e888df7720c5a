/**
 * A request from the gateway, over HTTP or as a frame of the call channel.
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
import type { Reporter } from "./work_reports.ts";

/** The parts of a request that the worker uses. */
export interface Incoming {
  readonly method: string;
  /** The path and the query. */
  readonly target: string;
  readonly facts: CallFacts;
  /** The `content-type`. Empty if there is none. */
  readonly contentType: string;
  /** Returns the value of a header. `name` is in lower case. */
  header(name: string): string | null;
  headers(): Headers;
  /** Whether the request may have a body. */
  hasBody(): boolean;
  /** Reads the body as text. Only one of `text`, `bytes` and `stream` may be called, and only once. */
  text(): string | Promise<string>;
  bytes(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  stream(): BodyInit | null;
  /** Returns a signal that is aborted when the caller disconnects. */
  signal(): AbortSignal;
  isAborted(): boolean;
  /** The connection for the `WORK` frames of this request, or `null` for any connection. */
  readonly reporter: Reporter | null;
  /** Makes the answer wait until the engine has confirmed the report of work. */
  awaitReceipt?(receipt: Promise<void>): void;
  /** The runtime's own `Request`, which a WebSocket upgrade needs. `null` for a request over the call channel. */
  readonly native: Request | null;
}

/** A request that arrived over HTTP. */
export class HttpIncoming implements Incoming {
  readonly native: Request;
  readonly reporter = null;
  /** The engine's confirmation that the answer must wait for. */
  receipt: Promise<void> | null = null;
  readonly method: string;
  readonly target: string;
  readonly facts: CallFacts;
  /** A copy, because the headers are not readable any more after an upgrade to a WebSocket. */
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

  awaitReceipt(receipt: Promise<void>): void {
    this.receipt = receipt;
  }

  isAborted(): boolean {
    try {
      return signalAborted(requestSignal(this.native));
    } catch {
      // The request is closed, because its connection has become a WebSocket.
      return false;
    }
  }
}

/** Returns the path and the query of a request over a unix socket. Its URL is `http+unix://host/path`. */
function targetOf(url: string): string {
  const start = indexOf(url, "/", indexOf(url, "://") + 3);
  return start < 0 ? "/" : slice(url, start);
}
