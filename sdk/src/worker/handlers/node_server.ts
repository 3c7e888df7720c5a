/**
 * Captures servers of `node:http`, which Express, Fastify, Koa and others use. `listen` does not open a port. A request
 * reaches the server over a socket in memory, so the server gets real requests, responses and streams.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { type Answer, internalError, toResponse } from "../answers.ts";
import type { Context } from "../../context/context.ts";
import { runAs } from "../current.ts";
import type { Incoming } from "../incoming.ts";
import { log } from "../log.ts";
import {
  appendHeader,
  closeStream,
  eachHeader,
  enqueue,
  errorStream,
  listenTo,
  NativeError,
  NativeHeaders,
  nativeImport,
  NativePromise,
  nativeQueueMicrotask,
  NativeReadableStream,
  NativeResponse,
  NativeUint8Array,
} from "../primordials.ts";
import { listOf } from "../result.ts";
import { STREAM_FAILED } from "../taken_over.ts";
import { capture } from "./captured.ts";
import { remoteAddr } from "./deno_server.ts";
import { type AnyFunction, isFunction, METHODS, type WebCall } from "./handler.ts";
import { socketPair } from "./socket_pair.ts";

/** Maximum bytes of a response body that is read whole. A longer body is streamed. */
const MAX_WHOLE_BYTES = 64 * 1024;

/** Headers that apply only to the connection in memory. */
const OF_CONNECTION = ["connection", "keep-alive", "transfer-encoding"];

type Http = typeof import("node:http");
type DuplexClass = new (options: object) => Duplex;

let Stream: DuplexClass;
let http: Http;

const NO_UPGRADE =
  "A server of node:http accepted a WebSocket (ws, socket.io). Functions cannot take WebSockets this way: " +
  "use Deno.upgradeWebSocket(request) in a web handler";

/** The property of a connection with the context of its request. */
const CALL = Symbol("call");

/** Makes servers of `node:http` and `node:https` capture their handler instead of listening. Loads both modules. */
export async function captureNodeServers(): Promise<void> {
  http = await nativeImport("node:http") as unknown as Http;
  const https = await nativeImport("node:https") as unknown as { Server: { prototype: object } };
  ({ Duplex: Stream } = await nativeImport("node:stream") as unknown as { Duplex: DuplexClass });
  for (
    const [prototype, event] of [[http.Server.prototype, "connection"], [
      https.Server.prototype,
      "secureConnection",
    ]] as const
  ) {
    Object.defineProperty(prototype, "listen", {
      value(this: Server, ...args: unknown[]) {
        return listen(this, event, args);
      },
      writable: true,
      enumerable: false,
      configurable: true,
    });
  }
}

function listen(server: Server, event: string, args: unknown[]): Server {
  capture({
    source: "http.Server.listen()",
    methods: METHODS,
    app: null,
    answer: (call) => answer(server, event, call),
  });
  handleErrors(server);
  behaveAsListening(server, portOf(args));
  const done = args[args.length - 1];
  if (isFunction(done)) server.once("listening", done);
  nativeQueueMicrotask(() => server.emit("listening"));
  return server;
}

function portOf([first]: unknown[]): number {
  const port = typeof first === "object" && first !== null ? (first as { port?: unknown }).port : first;
  return Number(port) || 3000;
}

/** Gives the server the properties of a listening server, because many programs read its address or close it. */
function behaveAsListening(server: Server, port: number): void {
  const values = {
    listening: true,
    address: () => ({ address: "127.0.0.1", family: "IPv4", port }),
    close(done?: unknown) {
      nativeQueueMicrotask(() => {
        server.emit("close");
        if (isFunction(done)) done();
      });
      return server;
    },
    ref: () => server,
    unref: () => server,
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(server, name, { value, writable: true, configurable: true });
  }
}

/** Runs the handlers in the context of their call. An error in a handler is logged and answered 500. */
function handleErrors(server: Server): void {
  const { emit } = server;
  server.emit = function (this: Server, event: string, ...args: unknown[]): boolean {
    const [request, response] = args as [IncomingMessage, ServerResponse];
    const context = event === "request" || event === "checkContinue" ? contextOf(request) : undefined;
    if (context === undefined || server.listenerCount(event) === 0) {
      return Reflect.apply(emit, server, [event, ...args]);
    }
    return runAs(context, () => {
      for (const listener of server.rawListeners(event) as AnyFunction[]) {
        run(() => Reflect.apply(listener, server, args), response);
      }
      return true;
    });
  } as Server["emit"];
}

function contextOf(request: IncomingMessage): Context | undefined {
  return (request?.socket as unknown as { [CALL]?: Context } | undefined)?.[CALL];
}

function run(handler: () => unknown, response: ServerResponse): void {
  try {
    const result = handler();
    if (result instanceof NativePromise) result.catch((error: unknown) => fail(response, error));
  } catch (error) {
    fail(response, error);
  }
}

function fail(response: ServerResponse, error: unknown): void {
  log("ERROR", [error]);
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { status, body } = internalError();
  response.writeHead(status, { "content-type": "application/json" }).end(body);
}

/** Sends the request over a new connection in memory, and converts the response. */
function answer(server: Server, event: string, call: WebCall): Promise<Response> {
  const { context, incoming } = call;
  const [client, connection] = socketPair(Stream, { remoteAddress: remoteAddr(call).hostname });
  Object.assign(connection, { [CALL]: context });
  server.emit(event, connection);
  return new NativePromise((resolve, reject) => {
    const request = http.request({
      method: context.method,
      path: incoming.target,
      headers: headersOf(incoming),
      setHost: false,
      createConnection: () => client,
    } as object);
    request.on("response", (response: IncomingMessage) => resolve(toWeb(response, client, context)));
    request.on("upgrade", () => {
      client.destroy();
      log("ERROR", [NO_UPGRADE]);
      resolve(new NativeResponse(null, { status: 501 }));
    });
    request.on("error", (error: unknown) => {
      if (incoming.isAborted()) reject(error);
      else reject(new NativeError("The server closed the connection without a response", { cause: error }));
    });
    listenTo(incoming.signal(), "abort", () => client.destroy());
    sendBody(request, incoming).catch((error: unknown) => request.destroy(error as Error));
  });
}

function headersOf(incoming: Incoming): Record<string, string> {
  const headers: Record<string, string> = {};
  eachHeader(incoming.headers(), (value: string, name: string) => {
    headers[name] = value;
  });
  return headers;
}

async function sendBody(request: ClientRequest, incoming: Incoming): Promise<void> {
  const body = incoming.hasBody() ? incoming.stream() : null;
  if (!(body instanceof NativeReadableStream)) {
    request.end(body as Uint8Array | null ?? undefined);
    return;
  }
  for await (const chunk of body as ReadableStream<Uint8Array>) {
    if (!request.write(chunk)) {
      await new NativePromise<void>((resolve) => void request.once("drain", resolve));
    }
  }
  request.end();
}

function toWeb(
  message: IncomingMessage,
  client: Duplex,
  context: Context,
): Response | Promise<Response> {
  const headers = new NativeHeaders();
  const { rawHeaders, statusCode = 200 } = message;
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!OF_CONNECTION.includes(name)) appendHeader(headers, name, rawHeaders[index + 1]!);
  }
  if (context.method === "HEAD" || statusCode === 204 || statusCode === 205 || statusCode === 304) {
    message.resume();
    return new NativeResponse(null, { status: statusCode, headers });
  }
  if (Number(message.headers["content-length"] ?? Infinity) <= MAX_WHOLE_BYTES) {
    return whole(message, statusCode, headers);
  }
  return new NativeResponse(streamOf(message, client, context), { status: statusCode, headers });
}

function whole(message: IncomingMessage, status: number, headers: Headers): Promise<Response> {
  return new NativePromise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    message.on("data", (chunk: Uint8Array) => chunks.push(chunk));
    message.on("end", () => {
      const answer: Answer = { status, headers: listOf(headers), body: joined(chunks) };
      resolve(toResponse(answer));
    });
    message.on("error", reject);
  });
}

function joined(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new NativeUint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function streamOf(message: IncomingMessage, client: Duplex, context: Context): ReadableStream {
  return new NativeReadableStream<Uint8Array>({
    start(controller) {
      message.on("data", (chunk: Uint8Array) => {
        enqueue(controller, new NativeUint8Array(chunk));
        if ((controller.desiredSize ?? 0) <= 0) message.pause();
      });
      message.on("end", () => closeStream(controller));
      message.on("error", (error: unknown) => {
        runAs(context, () => log("ERROR", ["The response ended before its end", error]));
        errorStream(controller, STREAM_FAILED);
      });
    },
    pull: () => void message.resume(),
    cancel: () => void client.destroy(),
  });
}
