/**
 * `ctx.jelou`: the Jelou API over HTTP.
 *
 * @module
 */
import { JelouApiError } from "@jelou/functions";
import type { JelouClient, JelouMessage, SentMessage, TemplateMessage } from "../context/jelou.ts";
import { checkedMessage, jelouUnavailable } from "../errors/jelou_arguments.ts";
import type { JelouCredentials } from "./load_message.ts";
import { freeze, nativeFetch, parse, stringify } from "./primordials.ts";

/** Creates the client of one request. */
export type JelouFactory = (botId: string | undefined) => JelouClient;

/** Creates clients with the platform's credentials. Without credentials, the calls of a client throw. */
export function jelouFactory(credentials: JelouCredentials | null): JelouFactory {
  return (botId) => createJelou(credentials, botId);
}

function createJelou(credentials: JelouCredentials | null, botId: string | undefined): JelouClient {
  const post = async (path: string, message: object): Promise<SentMessage> => {
    if (credentials === null) throw jelouUnavailable();
    const body = botId === undefined ? message : { botId, ...message };
    let response: Response;
    let text: string;
    try {
      response = await nativeFetch(joinUrl(credentials.baseUrl, path), {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${credentials.apiKey}` },
        body: stringify(body),
      });
      text = await response.text();
    } catch (cause) {
      throw new JelouApiError("The Jelou API cannot be reached", 0, "NETWORK_ERROR", { cause });
    }
    return readAnswer(response.status, text);
  };
  return freeze({
    available: credentials !== null,
    send: async (message: JelouMessage) => await post("/messages", checkedMessage(message, "send")),
    sendTemplate: async (message: TemplateMessage) =>
      await post("/messages/template", checkedMessage(message, "sendTemplate")),
  });
}

function joinUrl(base: string, path: string): string {
  return (base.endsWith("/") ? base.slice(0, -1) : base) + path;
}

/** The fields of the API's answers that this file reads. */
interface Answer {
  readonly messageId?: unknown;
  readonly id?: unknown;
  readonly data?: Answer;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly error?: Answer | string;
}

function readAnswer(status: number, text: string): SentMessage {
  let answer: Answer;
  try {
    answer = parse(text) ?? {};
  } catch {
    answer = {};
  }
  if (status >= 200 && status < 300) {
    const id = answer.messageId ?? answer.data?.messageId ?? answer.id ?? answer.data?.id;
    if (id !== undefined && id !== null) return { messageId: String(id) };
    throw new JelouApiError("The Jelou API answered without a message id", status, "INVALID_RESPONSE");
  }
  const detail = typeof answer.error === "object" ? answer.error : answer;
  const message = typeof answer.error === "string" ? answer.error : detail.message;
  throw new JelouApiError(
    typeof message === "string" ? message : `The Jelou API answered ${status}`,
    status,
    typeof detail.code === "string" ? detail.code : defaultCode(status),
  );
}

function defaultCode(status: number): string {
  if (status === 429) return "RATE_LIMITED";
  if (status === 401) return "UNAUTHORIZED";
  if (status === 403) return "FORBIDDEN";
  return status >= 500 ? "SERVER_ERROR" : "REQUEST_FAILED";
}
