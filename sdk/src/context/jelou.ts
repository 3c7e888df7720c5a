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
  /** The bot that sends. Default: the bot of the request. */
  botId?: string;
}

/** A picture, film, sound or file. */
export interface MediaMessage {
  /** The kind of message. */
  type: "image" | "video" | "audio" | "document" | "file" | "sticker";
  /** The recipient. */
  to: string;
  /** Where the media can be fetched. */
  url: string;
  /** A text beside it. */
  caption?: string;
  /** The name of the file. */
  filename?: string;
  /** The bot that sends. Default: the bot of the request. */
  botId?: string;
}

/** A place. */
export interface LocationMessage {
  /** The kind of message. */
  type: "location";
  /** The recipient. */
  to: string;
  /** Degrees north. */
  latitude: number;
  /** Degrees east. */
  longitude: number;
  /** The name of the place. */
  name?: string;
  /** Its address. */
  address?: string;
  /** The bot that sends. Default: the bot of the request. */
  botId?: string;
}

/** Buttons, lists and other kinds of message, passed to the API as they are. */
export interface InteractiveMessage {
  /** The kind of message. */
  type: "buttons" | "list" | "interactive" | "contacts";
  /** The recipient. */
  to: string;
  /** The bot that sends. Default: the bot of the request. */
  botId?: string;
  /** The fields of this kind of message. */
  [field: string]: unknown;
}

/** What `send` takes; `type` tells which. */
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
  /** The bot that sends. Default: the bot of the request. */
  botId?: string;
}

/** What the API answers to a message. */
export interface SentMessage {
  /** The id of the message. */
  messageId: string;
}

/** Sends messages. Every failure is a `JelouApiError`; nothing is tried again. */
export interface JelouClient {
  /** Whether the platform has credentials for the API. Without them every call throws. */
  readonly available: boolean;
  /**
   * Sends a message.
   *
   * @param message What to send, and to whom.
   * @throws {JelouApiError} When it was not sent.
   */
  send(message: JelouMessage): Promise<SentMessage>;
  /**
   * Sends a message from an approved template.
   *
   * @param message Which template, its values, and to whom.
   * @throws {JelouApiError} When it was not sent.
   */
  sendTemplate(message: TemplateMessage): Promise<SentMessage>;
}
