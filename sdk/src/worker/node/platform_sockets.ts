/**
 * Connections of `node:net`, `node:tls` and `node:http` to other functions of this platform, for HTTP clients that do
 * not use the global `fetch`. Like `fetch` (`egress.ts`), they use the egress socket and plain HTTP, also for `https:`
 * URLs.
 *
 * @module
 */
import type { IsPlatformUrl } from "../platform_url.ts";
import { currentTrace, TRACE_HEADER } from "../trace.ts";
import { replaceAll } from "./replace.ts";

/** Recognizes URLs of this platform's functions, and gives the socket to reach them. */
export interface Platform {
  readonly isPlatformUrl: IsPlatformUrl;
  /** The egress socket, or `null` if functions cannot be called from here. */
  readonly egressSocket: string | null;
  /** Whether requests to other hosts carry the trace too. */
  readonly tracesOutside: boolean;
}

// deno-lint-ignore no-explicit-any -- sockets of a runtime module, whose types are not part of this project
type Socket = any;
type Connect = (this: unknown, ...args: unknown[]) => Socket;

/** Prepares `node:net`. */
export function prepareNet(module: object, platform: Platform): void {
  const net = module as Record<string, Connect>;
  const connect = wrapConnect(net.connect!, net.connect!, platform);
  replaceAll(net, { connect, createConnection: connect });
}

/** A request of `node:http` before it is sent. */
interface OutgoingRequest {
  readonly headersSent: boolean;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): void;
}

type AddRequest = (this: unknown, request: OutgoingRequest, ...args: unknown[]) => void;

/**
 * Prepares the agent of `node:http`, which has its own copy of `net.connect`. The agent of `node:https` inherits from
 * it.
 */
export function prepareHttp(module: object, platform: Platform): void {
  const { Agent } = module as {
    Agent: { prototype: { addRequest: AddRequest; createConnection: Connect } };
  };
  const { addRequest, createConnection } = Agent.prototype;
  replaceAll(Agent.prototype, {
    addRequest: withTrace(addRequest, platform),
    createConnection: wrapConnect(createConnection, createConnection, platform),
  });
}

/** Adds the `traceparent` of the current call to requests to other functions. With `tracesOutside`, to all requests. */
function withTrace(native: AddRequest, { isPlatformUrl, tracesOutside }: Platform): AddRequest {
  return function (this: unknown, request, ...args) {
    const host = hostOf(args);
    const trace = host !== null && (tracesOutside || isPlatformUrl(`http://${host}`))
      ? currentTrace()
      : undefined;
    if (trace !== undefined && !request.headersSent && !request.hasHeader(TRACE_HEADER)) {
      request.setHeader(TRACE_HEADER, trace);
    }
    native.call(this, request, ...args);
  };
}

/** Prepares `node:tls`. The agent of `node:https` calls its `connect`. */
export function prepareTls(module: object, net: object, platform: Platform): void {
  const tls = module as Record<string, Connect>;
  const { connect } = net as Record<string, Connect>;
  const connectPlain: Connect = (...args) => {
    const socket = connect!(...args);
    socket.encrypted = socket.authorized = true;
    socket.getPeerCertificate = () => ({});
    socket.getSession = () => undefined;
    socket.isSessionReused = () => false;
    socket.once("connect", () => socket.emit("secureConnect"));
    return socket;
  };
  replaceAll(tls, { connect: wrapConnect(tls.connect!, connectPlain, platform) });
}

/**
 * Wraps `connect`: connects to the egress socket with `toEgress` if the host is a function, otherwise with `native`.
 */
function wrapConnect(native: Connect, toEgress: Connect, { isPlatformUrl, egressSocket }: Platform): Connect {
  return function (this: unknown, ...args) {
    const host = hostOf(args);
    if (host === null || egressSocket === null || !isPlatformUrl(`http://${host}`)) {
      return native.apply(this, args);
    }
    const callback = args.at(-1);
    const rest = typeof callback === "function" ? [callback] : [];
    return toEgress.call(this, { path: egressSocket }, ...rest);
  };
}

/** Returns the host in the arguments of `connect`, which are options, or a port and a host. */
function hostOf([first, second]: readonly unknown[]): string | null {
  if (typeof first === "object" && first !== null) {
    const { host, servername } = first as { host?: unknown; servername?: unknown };
    const name = host ?? servername;
    return typeof name === "string" ? name : null;
  }
  return typeof second === "string" ? second : null;
}
