/**
 * WebSockets that handlers accept.
 *
 * @module
 */
import { log } from "./log.ts";
import { incomingRequest } from "./outward_request.ts";
import {
  cancelStream,
  closeWebSocket,
  listenTo,
  NativeWeakMap,
  responseBody,
  responseBodyUsed,
  weakMapGet,
  weakMapSet,
} from "./primordials.ts";

/** Close code: the server cannot fulfil the request (RFC 6455, section 7.4.1). */
const INTERNAL_ERROR = 1011;

const { upgradeWebSocket } = Deno;

/** The accepted WebSockets, by the runtime's request. */
const taken = new NativeWeakMap<Request, Deno.WebSocketUpgrade>();

/** Makes `Deno.upgradeWebSocket` accept the requests that handlers get. */
export function provideWebSockets(): void {
  Deno.upgradeWebSocket = (request, options) => {
    const native = incomingRequest(request);
    const { socket, response } = upgradeWebSocket(native, options);
    weakMapSet(taken, native, { socket, response });
    return { socket, response };
  };
}

/**
 * Returns the response for Deno. If a handler has accepted a WebSocket but returns another response, Deno would end the
 * whole server, and with it the calls of others. In this case, the caller gets a WebSocket that is closed at once.
 */
export function upgradeOr(answer: Response, request: Request): Response {
  const upgrade = weakMapGet(taken, request);
  if (upgrade === undefined || upgrade.response === answer) return answer;
  log("ERROR", ["The handler took the WebSocket of a request and did not answer with its response"]);
  if (!responseBodyUsed(answer)) cancelStream(responseBody(answer));
  listenTo(upgrade.socket, "open", () => closeWebSocket(upgrade.socket, INTERNAL_ERROR));
  return upgrade.response;
}
