/**
 * `WebSocket` for user code. Like `fetch`, a connection to a function of this platform goes over the egress
 * socket.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { type EgressClient, setPlatformHeaders } from "./egress.ts";
import type { IsPlatformUrl } from "./platform_url.ts";
import {
  defineProperty,
  isArray,
  NativeHeaders,
  NativeTypeError,
  NativeURL,
  NativeWebSocket,
  urlHref,
  urlSetProtocol,
} from "./primordials.ts";

type Options = string | string[] | WebSocketOptions;

/**
 * Creates the `WebSocket` for user code.
 *
 * @param isPlatformUrl Returns whether a URL belongs to a function of this platform.
 * @param egress The egress socket's client, or `null` without an egress socket.
 */
export function createWebSocket(isPlatformUrl: IsPlatformUrl, egress: EgressClient | null): typeof WebSocket {
  class PlatformWebSocket extends NativeWebSocket {
    constructor(url: string | URL, options?: Options) {
      if (!isPlatformUrl(url)) {
        super(url, options);
        return;
      }
      if (egress === null) {
        throw new NativeTypeError(
          `${url} is a function of this platform, and functions cannot be called from here`,
        );
      }
      const plain = new NativeURL(url);
      // The connection to the gateway is a unix socket on this machine, so it has no TLS.
      urlSetProtocol(plain, "ws:");
      const given: WebSocketOptions = typeof options === "string" || isArray(options)
        ? { protocols: options }
        : options ?? {};
      const headers = new NativeHeaders(given.headers);
      setPlatformHeaders(headers, currentContext()?.requestId);
      super(urlHref(plain), { protocols: given.protocols, headers, client: egress() });
    }
  }
  defineProperty(PlatformWebSocket, "name", { value: "WebSocket" });
  return PlatformWebSocket;
}
