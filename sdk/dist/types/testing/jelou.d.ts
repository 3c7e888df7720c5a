/**
 * A mock of `ctx.jelou` that sends nothing.
 *
 * @module
 */
import { JelouApiError, type JelouClient, type JelouMessage, type TemplateMessage } from "../functions.d.ts";
/** The options of the mock. */
export interface MockJelouOptions {
    /** Default `true`. With `false`, every call throws, as on a platform without credentials. */
    available?: boolean;
    /** The error that every call throws: an error, or an HTTP status such as 429. */
    failWith?: JelouApiError | number;
}
/** A message that the platform would have sent. */
export interface MockSentMessage {
    /** The called method. */
    readonly method: "send" | "sendTemplate";
    /** The argument of the call. */
    readonly message: JelouMessage | TemplateMessage;
    /** The id in the answer. */
    readonly messageId: string;
}
/** A client that records the messages instead of sending them. */
export interface MockJelouClient extends JelouClient {
    /** The messages, in order. */
    readonly sent: readonly MockSentMessage[];
}
/**
 * Creates a client that answers with the ids `message-1`, `message-2` and so on.
 *
 * ```ts
 * import { createMockContext, createMockJelouClient } from "@jelou/functions/testing";
 *
 * const jelou = createMockJelouClient();
 * await createMockContext({ jelou }).jelou.send({ type: "text", to: "593987654321", text: "Hola" });
 * jelou.sent.length; // 1
 * ```
 */
export declare function createMockJelouClient(options?: MockJelouOptions): MockJelouClient;
