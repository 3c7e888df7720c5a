/**
 * The WebSockets that handlers take.
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

/** The server cannot do what was asked for (RFC 6455, section 7.4.1). */
const INTERNAL_ERROR = 1011;

const { upgradeWebSocket } = Deno;

/** What was taken, by the request that it was taken of. */
const taken = new NativeWeakMap<Request, Deno.WebSocketUpgrade>();

/** Lets handlers take the WebSocket of the request that they get. */
export function provideWebSockets(): void {
  Deno.upgradeWebSocket = (request, options) => {
    const native = incomingRequest(request);
    const { socket, response } = upgradeWebSocket(native, options);
    weakMapSet(taken, native, { socket, response });
    return { socket, response };
  };
}

/**
 * What Deno is to answer with. With anything but the upgrade, for a request whose WebSocket was taken, it would end the
 * whole server, and the calls of others with it. So the caller gets the WebSocket, which ends at once.
 */
export function upgradeOr(answer: Response, request: Request): Response {
  const upgrade = weakMapGet(taken, request);
  if (upgrade === undefined || upgrade.response === answer) return answer;
  log("ERROR", ["The handler took the WebSocket of a request and did not answer with its response"]);
  if (!responseBodyUsed(answer)) cancelStream(responseBody(answer));
  listenTo(upgrade.socket, "open", () => closeWebSocket(upgrade.socket, INTERNAL_ERROR));
  return upgrade.response;
}
