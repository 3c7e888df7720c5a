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

/** The interface that the worker needs of a request. */
export interface Incoming {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly facts: CallFacts;
  /** The `content-type`. Empty if there is none. */
  readonly contentType: string;
  /** The value of a header; `name` is in lower case. */
  header(name: string): string | null;
  headers(): Headers;
  /** Whether the request may have a body. */
  hasBody(): boolean;
  /** The body as text. Only one of these three methods can be called, and only once. */
  text(): string | Promise<string>;
  bytes(): Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  stream(): BodyInit | null;
  /** The signal that is aborted when the caller disconnects. */
  signal(): AbortSignal;
  isAborted(): boolean;
  /** The connection that carries this request's reports of work, or `null` for any. */
  readonly reporter: Reporter | null;
  /** Makes the answer wait for the engine's receipt. */
  awaitReceipt?(receipt: Promise<void>): void;
  /** The platform's own `Request`, for operations that need it: a WebSocket upgrade. */
  readonly native: Request | null;
}

/** A request that came over HTTP. */
export class HttpIncoming implements Incoming {
  readonly native: Request;
  readonly reporter = null;
  /** The receipt that the answer must wait for. */
  receipt: Promise<void> | null = null;
  readonly method: string;
  readonly target: string;
  readonly facts: CallFacts;
  /** Copied early: after an upgrade to a WebSocket, the request's headers are not readable. */
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
      // The request is closed: its connection has become a WebSocket.
      return false;
    }
  }
}

/** The path and query of a request that came over a unix socket. Its URL is `http+unix://host/path`. */
function targetOf(url: string): string {
  const start = indexOf(url, "/", indexOf(url, "://") + 3);
  return start < 0 ? "/" : slice(url, start);
}
