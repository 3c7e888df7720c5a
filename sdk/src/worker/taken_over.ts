/**
 * Converts results that are not data but are clearly meant as a body: streams, generators, bytes, files, forms, and
 * responses of other libraries.
 *
 * @module
 */
import type { Answer } from "./answers.ts";
import { currentContext, runAs } from "./current.ts";
import { isFunction, isNumbers, nameOfType, toJson } from "./json.ts";
import { log } from "./log.ts";
import {
  appendHeader,
  asyncIterator,
  closeStream,
  deleteHeader,
  encode,
  enqueue,
  errorStream,
  isView,
  NativeArrayBuffer,
  NativeBlob,
  NativeError,
  NativeFormData,
  NativeHeaders,
  NativeReadableStream,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  NativeURLSearchParams,
  setHeader,
  symbolIterator,
} from "./primordials.ts";

const BYTES = "application/octet-stream";
const TEXT = "text/plain; charset=utf-8";
const LINES = "application/x-ndjson";

/** Returns the answer for a result that is meant as a body, or `null` for any other value. */
export function takeOver(result: object): Answer | Promise<Answer> | null {
  if (isFunction(result, "toJSON") && !(result instanceof NativeUint8Array)) return null;
  if (result instanceof NativeArrayBuffer) return bytes(new NativeUint8Array(result));
  if (isView(result)) return isNumbers(result) ? null : bytes(bytesOf(result));
  if (result instanceof NativeBlob) {
    // If the file has a type, the runtime sets the content type.
    return result.type === "" ? withType(result, BYTES) : new NativeResponse(result);
  }
  if (result instanceof NativeFormData || result instanceof NativeURLSearchParams) {
    return new NativeResponse(result);
  }
  if (isForeignResponse(result)) return ownResponse(result);
  if (isFunction(result, asyncIterator)) {
    return stream((result as AsyncIterable<unknown>)[Symbol.asyncIterator]());
  }
  if (isFunction(result, symbolIterator) && isFunction(result, "next")) {
    return stream(result as Iterator<unknown>);
  }
  return null;
}

function bytes(body: Uint8Array<ArrayBuffer>): Answer {
  return { status: 200, headers: [["content-type", BYTES]], body };
}

function withType(body: BodyInit, type: string): Response {
  return new NativeResponse(body, { headers: { "content-type": type } });
}

function bytesOf(view: ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (view instanceof NativeUint8Array) return view as Uint8Array<ArrayBuffer>;
  return new NativeUint8Array(view.buffer as ArrayBuffer, view.byteOffset, view.byteLength);
}

/** The error that ends a stream after the real error was logged. */
export const STREAM_FAILED = new NativeError("The stream failed");

type Source = Iterator<unknown> | AsyncIterator<unknown>;

/**
 * Streams the values of an iterator. The first value decides the format: bytes, text, or one line of JSON per
 * value. An error before the first value counts as an error of the handler.
 */
async function stream(source: Source): Promise<Answer> {
  const first = await source.next();
  if (first.done) return { status: 200, headers: [], body: null };
  const isText = typeof first.value === "string";
  const isRaw = isText || isBytes(first.value);
  const encodeChunk = isRaw ? rawChunk : jsonLine;
  const context = currentContext()!;
  let next: IteratorResult<unknown> | null = first;
  const body = new NativeReadableStream<Uint8Array>({
    pull: (controller) =>
      runAs(context, async () => {
        try {
          const step: IteratorResult<unknown> = next ?? await source.next();
          next = null;
          if (step.done) closeStream(controller);
          else enqueue(controller, encodeChunk(step.value));
        } catch (error) {
          log("ERROR", [error]);
          errorStream(controller, STREAM_FAILED);
        }
      }),
    async cancel() {
      await source.return?.();
    },
  }, { highWaterMark: 0 });
  return withType(body, isText ? TEXT : isRaw ? BYTES : LINES);
}

function isBytes(value: unknown): value is ArrayBuffer | ArrayBufferView {
  return isView(value) || value instanceof NativeArrayBuffer;
}

function rawChunk(value: unknown): Uint8Array {
  if (typeof value === "string") return encode(value);
  if (value instanceof NativeArrayBuffer) return new NativeUint8Array(value);
  if (isView(value)) return bytesOf(value);
  throw new NativeTypeError(
    `A stream that begins with text or bytes cannot go on with ${
      value === null ? "null" : `a ${typeof value}`
    }`,
  );
}

function jsonLine(value: unknown): Uint8Array {
  return encode(toJson(value) + "\n");
}

/** A `Response` of another library, such as node-fetch or undici. */
interface ForeignResponse {
  readonly status: number;
  readonly statusText?: unknown;
  readonly headers: { forEach(each: (value: string, name: string) => void): void; getSetCookie?(): string[] };
  readonly body?: unknown;
  readonly bodyUsed?: boolean;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** Whether a value is a response of another library. */
export function isForeignResponse(value: object): value is ForeignResponse {
  const { status, headers } = value as Partial<ForeignResponse>;
  return typeof status === "number" && typeof headers === "object" && headers !== null &&
    isFunction(headers, "forEach") && isFunction(value, "arrayBuffer");
}

/** Headers that describe the transfer of a body. They no longer apply, because the body has been decoded. */
const OF_TRANSFER = ["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"];

async function ownResponse(foreign: ForeignResponse): Promise<Answer> {
  if (foreign.bodyUsed) throw new NativeTypeError("The body of this response has been read already");
  const headers = new NativeHeaders();
  foreign.headers.forEach((value, name) => {
    if (name.toLowerCase() !== "set-cookie") setHeader(headers, name, value);
  });
  for (const cookie of foreign.headers.getSetCookie?.() ?? []) appendHeader(headers, "set-cookie", cookie);
  for (const name of OF_TRANSFER) deleteHeader(headers, name);
  const { status, body } = foreign;
  const bodiless = body === null || status === 204 || status === 205 || status === 304;
  return new NativeResponse(bodiless ? null : await bodyOf(foreign), { status, headers });
}

async function bodyOf(foreign: ForeignResponse): Promise<BodyInit> {
  const { body } = foreign;
  if (body instanceof NativeReadableStream) return body;
  return await foreign.arrayBuffer();
}

/** Returns the body if a web `Response` accepts it. Throws otherwise. */
export function checkedBody(body: unknown): BodyInit | null {
  if (body === null || typeof body === "string" || isView(body)) return body as BodyInit | null;
  if (
    typeof body === "object" &&
    (body instanceof NativeReadableStream || body instanceof NativeArrayBuffer ||
      body instanceof NativeBlob ||
      body instanceof NativeFormData || body instanceof NativeURLSearchParams ||
      isFunction(body, asyncIterator))
  ) return body as BodyInit;
  const what = typeof body === "object" ? nameOfType(body) : typeof body;
  throw new NativeTypeError(`A ${what} cannot be the body of a response; use response.json() for data`);
}
