/**
 * A mock of `ctx.jelou` that sends nothing.
 *
 * @module
 */
import { JelouApiError, type JelouClient, type JelouMessage, type TemplateMessage } from "../functions.d.ts";
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
export declare function createMockJelouClient(options?: MockJelouOptions): MockJelouClient;
