/**
 * `Deno.serve` and `addEventListener("fetch")`: capture the module's handler instead of listening on a port.
 *
 * @module
 */
import { NativeError, NativePromise, nativeQueueMicrotask, NativeTypeError } from "../primordials.ts";
import { capture } from "./captured.ts";
import { type AnyFunction, isFunction, METHODS, type WebCall } from "./handler.ts";

interface ServeOptions {
  readonly handler?: unknown;
  readonly port?: unknown;
  readonly hostname?: unknown;
  readonly onListen?: unknown;
  readonly onError?: unknown;
  readonly signal?: AbortSignal;
}

const DEFAULT_PORT = 8000;

/** Makes `Deno.serve` capture the handler, and `Deno.listen` throw an error that explains the alternative. */
export function captureDenoServers(): void {
  Object.defineProperty(Deno, "serve", {
    value: (first?: unknown, second?: unknown) => serve(first, second),
    writable: true,
    enumerable: true,
    configurable: true,
  });
  for (const name of ["listen", "listenTls", "listenDatagram"]) {
    Object.defineProperty(Deno, name, {
      value: () => {
        throw new NativeError(
          `Deno.${name}: a function does not listen on a port by itself; the platform calls its handler. ` +
            "Use Deno.serve(handler), which takes the place of `serve` from std/http, or export the handler",
        );
      },
      writable: true,
      enumerable: true,
      configurable: true,
    });
  }
}

function serve(first: unknown, second: unknown): unknown {
  const options = (isOptions(first) ? first : isOptions(second) ? second : {}) as ServeOptions;
  const handler = isFunction(first) ? first : isFunction(second) ? second : options.handler;
  if (!isFunction(handler)) {
    throw new NativeTypeError("Deno.serve needs a handler: Deno.serve((request) => …)");
  }
  const { onError } = options;
  capture({
    source: "Deno.serve()",
    methods: METHODS,
    app: null,
    answer: (call) => answer(handler, isFunction(onError) ? onError : null, call),
  });
  const addr = {
    transport: "tcp",
    hostname: typeof options.hostname === "string" ? options.hostname : "0.0.0.0",
    port: Number(options.port ?? DEFAULT_PORT) || DEFAULT_PORT,
  };
  const { onListen } = options;
  if (isFunction(onListen)) nativeQueueMicrotask(() => onListen(addr));
  return denoServer(addr);
}

function isOptions(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Creates the result of `Deno.serve`. The server runs until the process ends. */
function denoServer(addr: unknown): object {
  let finish: () => void = () => {};
  const finished = new NativePromise<void>((resolve) => finish = resolve);
  const shutdown = () => {
    finish();
    return finished;
  };
  return { addr, finished, shutdown, ref() {}, unref() {}, [Symbol.asyncDispose]: shutdown };
}

async function answer(handler: AnyFunction, onError: AnyFunction | null, call: WebCall): Promise<unknown> {
  const info = { remoteAddr: remoteAddr(call), completed: NativePromise.resolve() };
  if (onError === null) return await handler(call.request, info);
  try {
    return await handler(call.request, info);
  } catch (error) {
    return await onError(error);
  }
}

/** Returns the caller's address, which the gateway sends in `x-forwarded-for`. */
export function remoteAddr({ incoming }: WebCall): Deno.NetAddr {
  const forwarded = incoming.header("x-forwarded-for") ?? "";
  const hostname = forwarded.split(",", 1)[0]!.trim();
  return { transport: "tcp", hostname: hostname === "" ? "127.0.0.1" : hostname, port: 0 };
}

/** Captures the listener of `addEventListener("fetch")`, the older API of service workers. */
export function captureFetchEvents(): void {
  const native = globalThis.addEventListener;
  globalThis.addEventListener = function (this: unknown, type: string, listener: unknown, options?: unknown) {
    if (type !== "fetch" || !isFunction(listener)) {
      return Reflect.apply(native, this ?? globalThis, [type, listener, options]);
    }
    capture({
      source: 'addEventListener("fetch")',
      methods: METHODS,
      app: null,
      answer: (call) => dispatch(listener, call),
    });
  } as typeof globalThis.addEventListener;
}

async function dispatch(listener: AnyFunction, { request, context }: WebCall): Promise<unknown> {
  let response: unknown;
  const event = new Event("fetch");
  Object.assign(event, {
    request,
    respondWith: (answer: unknown) => void (response = answer),
    waitUntil: context.waitUntil,
    passThroughOnException() {},
  });
  listener(event);
  return await response;
}
