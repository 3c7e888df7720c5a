/**
 * The built-in JavaScript functions that the worker uses, captured before any user code runs.
 *
 * A function may replace `JSON.stringify`, `Response` or a method of a prototype, by accident or on purpose. This may
 * break the function itself, but must not break the platform's answers and logs. The code that handles requests
 * therefore calls these captured functions and no methods of shared prototypes.
 *
 * @module
 */

// deno-lint-ignore no-explicit-any -- the shape of an arbitrary method
type Method = (this: any, ...args: any[]) => any;

export const { apply } = Reflect;

/** Converts a method to a function: `f(self, ...args)` calls the method on `self`, without `Function.prototype`. */
function uncurry<M extends Method>(
  method: M,
): (self: ThisParameterType<M>, ...args: Parameters<M>) => ReturnType<M> {
  return (self, ...args) => apply(method, self, args);
}

/** Converts the getter of an accessor property to a function. */
function getter<T, R>(prototype: object, property: PropertyKey): (self: T) => R {
  const get = Object.getOwnPropertyDescriptor(prototype, property)?.get;
  if (!get) throw new TypeError(`${String(property)} is no accessor in this version of Deno`);
  return (self) => apply(get, self, []);
}

/** Converts the setter of an accessor property to a function. */
function setter<T, V>(prototype: object, property: PropertyKey): (self: T, value: V) => void {
  const set = Object.getOwnPropertyDescriptor(prototype, property)?.set;
  if (!set) throw new TypeError(`${String(property)} cannot be set in this version of Deno`);
  return (self, value) => apply(set, self, [value]);
}

export const stringify = JSON.stringify;
export const parse = JSON.parse;
export const {
  create,
  hasOwn,
  defineProperty,
  freeze,
  keys,
  getPrototypeOf,
  getOwnPropertyDescriptor,
  getOwnPropertySymbols,
} = Object;
export const { isArray } = Array;
/** Whether a value is an error, from this realm or another realm. */
export const isError = (Error as unknown as { isError(value: unknown): value is Error }).isError;
export const toNumber = Number;
export const { isNaN: isNotANumber, isFinite: isFiniteNumber } = Number;
export const decodeComponent = decodeURIComponent;
export const encodeComponent = encodeURIComponent;
export const construct = Reflect.construct;

export const objectPrototype = Object.prototype;
export const arrayPrototype = Array.prototype;
export const { asyncIterator, iterator: symbolIterator } = Symbol;

export const NativeResponse = Response;
export const NativeRequest = Request;
export const NativeHeaders = Headers;
export const NativeURL = URL;
export const NativeWebSocket = WebSocket;
export const NativeURLSearchParams = URLSearchParams;
export const NativeError = Error;
export const NativeTypeError = TypeError;
export const NativeRangeError = RangeError;
export const NativePromise = Promise;
export const NativeBadResource = Deno.errors.BadResource;
export const NativeProxy = Proxy;
export const NativeMap = Map;
export const NativeWeakMap = WeakMap;
export const NativeSet = Set;
export const NativeDate = Date;
export const NativeArrayBuffer = ArrayBuffer;
export const NativeSharedArrayBuffer = SharedArrayBuffer;
export const NativeUint8Array = Uint8Array;
export const NativeRegExp = RegExp;
export const NativeWeakSet = WeakSet;
export const NativeBlob = Blob;
export const NativeFormData = FormData;
export const NativeReadableStream = ReadableStream;
export const NativeAbortController = AbortController;
export const nativeFetch = fetch;
export const NativeWritableStream = WritableStream;
export const nativeSetTimeout = setTimeout;
export const nativeQueueMicrotask = queueMicrotask;
export const NativeErrorEvent = ErrorEvent;
export const nativeImport = (specifier: string): Promise<Record<string, unknown>> => import(specifier);
export const createObjectURL = URL.createObjectURL;
export const revokeObjectURL = URL.revokeObjectURL;
export const isView = ArrayBuffer.isView;

export const indexOf = uncurry(String.prototype.indexOf);
export const slice = uncurry(String.prototype.slice);
export const startsWith = uncurry(String.prototype.startsWith);
export const endsWith = uncurry(String.prototype.endsWith);
export const toLowerCase = uncurry(String.prototype.toLowerCase);
export const includes = uncurry(String.prototype.includes);
export const replaceAll = uncurry(String.prototype.replaceAll as (from: string, to: string) => string);
export const split = uncurry(String.prototype.split as (separator: string) => string[]);
/** Replaces lone surrogates, which only JavaScript allows in a text. */
export const toWellFormed = uncurry(String.prototype.toWellFormed);
export const trim = uncurry(String.prototype.trim);
export const now = Date.now;
export const toISOString = uncurry(Date.prototype.toISOString);
export const functionToString = uncurry(Function.prototype.toString);
export const exec = uncurry(RegExp.prototype.exec);
/**
 * Tests a pattern without `pattern.test`, which calls the prototype's current `exec`: a function may have replaced it.
 */
export const matches = (pattern: RegExp, text: string): boolean => exec(pattern, text) !== null;
export const mapEntries = uncurry(Map.prototype.entries);
export const mapNext = uncurry(getPrototypeOf(new Map().entries()).next as () => IteratorResult<unknown>);
export const mapGet = uncurry(Map.prototype.get);
export const weakMapGet = uncurry(WeakMap.prototype.get);
export const weakMapSet = uncurry(WeakMap.prototype.set);
export const dispatch = uncurry(EventTarget.prototype.dispatchEvent);
export const preventDefault = uncurry(Event.prototype.preventDefault);
export const stopImmediatePropagation = uncurry(Event.prototype.stopImmediatePropagation);
export const listenTo = uncurry(EventTarget.prototype.addEventListener);
export const closeWebSocket = uncurry(WebSocket.prototype.close);
export const weakSetAdd = uncurry(WeakSet.prototype.add);
export const weakSetHas = uncurry(WeakSet.prototype.has);
export const mapSet = uncurry(Map.prototype.set);
export const mapDelete = uncurry(Map.prototype.delete);
export const setHas = uncurry(Set.prototype.has);
export const setAdd = uncurry(Set.prototype.add);
export const setValues = uncurry(Set.prototype.values);
export const setNext = uncurry(getPrototypeOf(new Set().values()).next as () => IteratorResult<unknown>);
/** Calls `handle` if a promise rejects. */
export const catchError = <T>(promise: Promise<T>, handle: (error: unknown) => never): Promise<T> =>
  then(promise, undefined, handle) as Promise<T>;
export const then = uncurry(Promise.prototype.then);

export const requestHeaders = getter<Request, Headers>(Request.prototype, "headers");
export const requestMethod = getter<Request, string>(Request.prototype, "method");
export const requestUrl = getter<Request, string>(Request.prototype, "url");
export const requestBody = getter<Request, ReadableStream<Uint8Array<ArrayBuffer>> | null>(
  Request.prototype,
  "body",
);
export const requestSignal = getter<Request, AbortSignal>(Request.prototype, "signal");
export const signalAborted = getter<AbortSignal, boolean>(AbortSignal.prototype, "aborted");
export const controllerSignal = getter<AbortController, AbortSignal>(AbortController.prototype, "signal");
export const abort = uncurry(AbortController.prototype.abort as () => void);
export const requestRedirect = getter<Request, RequestRedirect>(Request.prototype, "redirect");
export const requestBytes = uncurry(Request.prototype.bytes);
export const requestText = uncurry(Request.prototype.text);
export const responseStatus = getter<Response, number>(Response.prototype, "status");
export const responseHeaders = getter<Response, Headers>(Response.prototype, "headers");
export const responseBodyUsed = getter<Response, boolean>(Response.prototype, "bodyUsed");
export const responseBody = getter<Response, ReadableStream<Uint8Array> | null>(Response.prototype, "body");
export const responseText = uncurry(Response.prototype.text);
/** Cancels an unused stream and ignores errors of its source. */
export const cancelStream = (stream: ReadableStream | null): void => {
  if (stream !== null) then(apply(streamCancel, stream, []), nothing, nothing);
};
export const enqueue = uncurry(
  ReadableStreamDefaultController.prototype.enqueue as (chunk: Uint8Array) => void,
);
export const closeStream = uncurry(ReadableStreamDefaultController.prototype.close);
export const errorStream = uncurry(
  ReadableStreamDefaultController.prototype.error as (error: unknown) => void,
);
const streamCancel = ReadableStream.prototype.cancel;
const nothing = (): void => {};
export const getHeader = uncurry(Headers.prototype.get);
export const setHeader = uncurry(Headers.prototype.set);
export const appendHeader = uncurry(Headers.prototype.append);
export const deleteHeader = uncurry(Headers.prototype.delete);
export const eachHeader = uncurry(Headers.prototype.forEach);
export const eachSearchParam = uncurry(URLSearchParams.prototype.forEach);
export const urlHostname = getter<URL, string>(URL.prototype, "hostname");
export const urlSetProtocol = setter<URL, string>(URL.prototype, "protocol");
export const urlHref = getter<URL, string>(URL.prototype, "href");

export const NativeTextDecoder = TextDecoder;
const encoder = new TextEncoder();
const encodeText = uncurry(TextEncoder.prototype.encode);
const decoder = new TextDecoder();
const decodeBytes = uncurry(TextDecoder.prototype.decode);
const encodeTextInto = uncurry(TextEncoder.prototype.encodeInto);
export const subarray = uncurry(
  Uint8Array.prototype.subarray as (start: number, end?: number) => Uint8Array<ArrayBuffer>,
);
export const setBytes = uncurry(Uint8Array.prototype.set);
export const copyWithin = uncurry(Uint8Array.prototype.copyWithin);
/** Copies the bytes. */
export const copy = uncurry(Uint8Array.prototype.slice as () => Uint8Array<ArrayBuffer>);

/** Decodes bytes with the given decoder, for encodings other than UTF-8. */
export const decodeWith = (decoder: TextDecoder, bytes: Uint8Array): string => decodeBytes(decoder, bytes);
/** Decodes the next bytes of a stream. A character may begin in one chunk and end in the next one. */
export const decodeStream = (decoder: TextDecoder, bytes: Uint8Array): string =>
  decodeBytes(decoder, bytes, { stream: true });
/** Encodes a text as UTF-8. */
export const encode = (text: string): Uint8Array<ArrayBuffer> => encodeText(encoder, text);
/** Writes a text as UTF-8 into a large enough buffer and returns the number of bytes. */
export const encodeInto = (text: string, into: Uint8Array<ArrayBuffer>): number =>
  encodeTextInto(encoder, text, into).written;
/** Decodes UTF-8. Drops a byte order mark and replaces invalid bytes with U+FFFD. */
export const decode = (bytes: Uint8Array): string => decodeBytes(decoder, bytes);

const { stdout } = Deno;
/** Captured now, because `output.ts` replaces it. */
const writeStdoutSync = stdout.writeSync;
/** Writes to a file and returns the number of bytes written, which may be fewer than given. */
export const writeSync = uncurry(Deno.FsFile.prototype.writeSync);

/** The length of a byte array in bytes. It does not use the getter `length`, which a function may replace. */
export const byteLength = getter<Uint8Array, number>(getPrototypeOf(Uint8Array.prototype), "byteLength");

/**
 * Writes a whole text to standard output before it returns. If the function has closed standard output, the text is
 * lost.
 */
export function writeStdout(text: string): void {
  let rest: Uint8Array = encode(text);
  try {
    while (byteLength(rest) > 0) rest = subarray(rest, apply(writeStdoutSync, stdout, [rest]));
  } catch {
    // Standard output is closed. The function's calls continue.
  }
}
