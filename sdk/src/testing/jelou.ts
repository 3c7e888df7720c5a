/**
 * A mock of `ctx.jelou` that sends nothing.
 *
 * @module
 */
import { JelouApiError, type JelouClient, type JelouMessage, type TemplateMessage } from "@jelou/functions";
import { checkedMessage, jelouUnavailable } from "../errors/jelou_arguments.ts";

/** How the mock behaves. */
export interface MockJelouOptions {
  /** Default `true`; with `false` every call throws, as on a platform without credentials. */
  available?: boolean;
  /** What every call throws: an error, or the HTTP status of one, e.g. 429. */
  failWith?: JelouApiError | number;
}

/** A message that would have been sent. */
export interface MockSentMessage {
  /** Which method was called. */
  readonly method: "send" | "sendTemplate";
  /** What it was given. */
  readonly message: JelouMessage | TemplateMessage;
  /** What it answered. */
  readonly messageId: string;
}

/** A client that keeps what it was told to send. */
export interface MockJelouClient extends JelouClient {
  /** The messages, in order. */
  readonly sent: readonly MockSentMessage[];
}

/**
 * Makes a client that answers `message-1`, `message-2` and so on.
 *
 * ```ts
 * import { createMockContext, createMockJelouClient } from "@jelou/functions/testing";
 *
 * const jelou = createMockJelouClient();
 * await createMockContext({ jelou }).jelou.send({ type: "text", to: "593987654321", text: "Hola" });
 * jelou.sent.length; // 1
 * ```
 */
export function createMockJelouClient(options: MockJelouOptions = {}): MockJelouClient {
  const { available = true, failWith } = options;
  const sent: MockSentMessage[] = [];
  const call = <M extends JelouMessage | TemplateMessage>(method: MockSentMessage["method"], message: M) => {
    return new Promise<{ messageId: string }>((resolve) => {
      if (!available) throw jelouUnavailable();
      checkedMessage(message, method);
      if (failWith !== undefined) throw asError(failWith);
      const messageId = `message-${sent.length + 1}`;
      sent.push({ method, message, messageId });
      resolve({ messageId });
    });
  };
  return {
    available,
    sent,
    send: (message) => call("send", message),
    sendTemplate: (message) => call("sendTemplate", message),
  };
}

function asError(failure: JelouApiError | number): JelouApiError {
  if (typeof failure !== "number") return failure;
  return new JelouApiError(`The Jelou API answered ${failure}`, failure, `HTTP_${failure}`);
}
