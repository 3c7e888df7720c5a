/**
 * `ctx.jelou`: messages to people, through Jelou.
 *
 * @module
 */
/** A text message. */
export interface TextMessage {
    /** The kind of message. */
    type: "text";
    /** The recipient, e.g. a telephone number with its country code. */
    to: string;
    /** The text. */
    text: string;
    /** The bot that sends the message. Default: the bot of the request. */
    botId?: string;
}
/** An image, video, audio, document, other file or sticker. */
export interface MediaMessage {
    /** The kind of message. */
    type: "image" | "video" | "audio" | "document" | "file" | "sticker";
    /** The recipient. */
    to: string;
    /** The URL from which the media can be downloaded. */
    url: string;
    /** The text that is shown with the media. */
    caption?: string;
    /** The name of the file. */
    filename?: string;
    /** The bot that sends the message. Default: the bot of the request. */
    botId?: string;
}
/** A location. */
export interface LocationMessage {
    /** The kind of message. */
    type: "location";
    /** The recipient. */
    to: string;
    /** The latitude, in degrees north. */
    latitude: number;
    /** The longitude, in degrees east. */
    longitude: number;
    /** The name of the place. */
    name?: string;
    /** The address of the place. */
    address?: string;
    /** The bot that sends the message. Default: the bot of the request. */
    botId?: string;
}
/** Buttons, lists and other kinds of message. All fields are passed to the API unchanged. */
export interface InteractiveMessage {
    /** The kind of message. */
    type: "buttons" | "list" | "interactive" | "contacts";
    /** The recipient. */
    to: string;
    /** The bot that sends the message. Default: the bot of the request. */
    botId?: string;
    /** The fields of this kind of message. */
    [field: string]: unknown;
}
/** A message that `send` accepts. Its `type` says which kind it is. */
export type JelouMessage = TextMessage | MediaMessage | LocationMessage | InteractiveMessage;
/** A message from an approved template. */
export interface TemplateMessage {
    /** The recipient. */
    to: string;
    /** The name of the template. */
    template: string;
    /** The template's language, e.g. `"es"`. */
    language?: string;
    /** The values of the template's placeholders. */
    params?: readonly string[] | Readonly<Record<string, string>>;
    /** The bot that sends the message. Default: the bot of the request. */
    botId?: string;
}
/** The API's answer to a message. */
export interface SentMessage {
    /** The id of the message. */
    messageId: string;
}
/** Sends messages. Every failure is a `JelouApiError`. Failed calls are not retried. */
export interface JelouClient {
    /** Whether the platform has credentials for the API. Without credentials, every call throws. */
    readonly available: boolean;
    /**
     * Sends a message.
     *
     * @param message The message and its recipient.
     * @throws {JelouApiError} When the message was not sent.
     */
    send(message: JelouMessage): Promise<SentMessage>;
    /**
     * Sends a message from an approved template.
     *
     * @param message The template, its values and the recipient.
     * @throws {JelouApiError} When the message was not sent.
     */
    sendTemplate(message: TemplateMessage): Promise<SentMessage>;
}
