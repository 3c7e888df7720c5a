/**
 * `ctx`: the caller's data, and the services of the platform.
 *
 * @module
 */
import type { Bot, Company, Conversation, Operator, User } from "./identity.ts";
import type { Secrets } from "../project/secrets.ts";
import type { JelouClient } from "./jelou.ts";
import type { MemoryClient } from "./memory.ts";
import type { Trigger } from "./trigger.ts";

/** The names of the secrets that `jelou types` has found. Without the types of `jelou types`, any text. */
export type SecretKey = keyof Secrets extends never ? string : keyof Secrets;

/** The function's secrets. Keys that start with `__FN_` belong to the platform and do not exist here. */
export interface Env {
  /** The value of a secret, or `undefined`. With the types of `jelou types`, only known names are allowed. */
  get(key: SecretKey): keyof Secrets extends never ? string | undefined : string;
  /** Whether the secret exists. */
  has(key: string): boolean;
  /** A copy of all secrets. */
  toObject(): Record<string, string>;
}

/** Writes log lines of up to 16 KB with the request's id. Accepts any values, like `console.log`. */
export interface Logger {
  /** Writes a line with the level INFO. */
  (...args: unknown[]): void;
  /** Writes a line with the level DEBUG. */
  debug(...args: unknown[]): void;
  /** Writes a line with the level INFO. */
  info(...args: unknown[]): void;
  /** Writes a line with the level WARN. */
  warn(...args: unknown[]): void;
  /** Writes a line with the level ERROR. If a request has such a line, sampling keeps all lines of the request. */
  error(...args: unknown[]): void;
}

/** The second argument of every handler. */
export interface Context {
  /** The slug of this function. */
  readonly functionSlug: string;
  /** The id of this request: a UUID, the same as in `X-Request-Id` and in the logs. */
  readonly requestId: string;
  /** The HTTP method, in upper case. */
  readonly method: string;
  /**
   * The path of the request, without the query: the `pathname` of `request.url`. Its literal segments have
   * the percent-encoding of the route, not of the request.
   */
  readonly path: string;
  /** The values of the route's `:param` segments. */
  readonly params: Readonly<Record<string, string>>;
  /** The fields of the query string. A repeated key has a list of values. */
  readonly query: Readonly<Record<string, string | string[]>>;
  /** What started this run. */
  readonly trigger: Trigger;
  /** Whether an HTTP request started this run. */
  readonly isHttp: boolean;
  /** Whether a schedule started this run. */
  readonly isCron: boolean;
  /** Whether an event of the platform started this run. */
  readonly isEvent: boolean;
  /** The function's secrets. */
  readonly env: Env;
  /** The company that owns the function. */
  readonly company: Company;
  /** The bot on whose behalf the function runs. */
  readonly bot: Bot | undefined;
  /** The person who talks to the bot. */
  readonly user: User | undefined;
  /** The conversation in which the function was called. */
  readonly conversation: Conversation | undefined;
  /** The human operator of the conversation. */
  readonly operator: Operator | undefined;
  /** The skill that called the function. */
  readonly skillId: string | undefined;
  /** The id of that skill's execution. */
  readonly executionId: string | undefined;
  /**
   * A `traceparent` header (W3C Trace Context): the position of this call in its trace. Send it with requests to other
   * systems. `fetch` adds it to calls to other functions.
   */
  readonly traceparent: string;
  /** Writes log lines: `ctx.log("text", { any: "value" })`, or with a level, `ctx.log.warn("text")`. */
  readonly log: Logger;
  /**
   * Keeps the process running for work that continues after the response, for up to 30 seconds
   * (`limits.background_timeout_ms`). The process finishes the work before a deploy, an idle timeout or a stop of the
   * server ends it. If the promise rejects, the error is logged.
   */
  waitUntil(work: PromiseLike<unknown>): void;
  /**
   * Returns a signed identity of this function: a token that other services verify with this server's public
   * keys, in the same way as the token of a GitHub pipeline. A cloud exchanges it for credentials, so that
   * the function needs no stored key. The token expires after 15 minutes. Each call returns a new token.
   *
   * ```ts
   * import { define } from "@jelou/functions";
   *
   * export default define({
   *   description: "Calls a service that trusts this function",
   *   handler: async (_input, ctx) => {
   *     const token = await ctx.identity("https://orders.example.com");
   *     const response = await fetch("https://orders.example.com/today", {
   *       headers: { authorization: `Bearer ${token}` },
   *     });
   *     return await response.json();
   *   },
   * });
   * ```
   *
   * @param audience The service that gets the token. The service must refuse tokens with another audience.
   * @throws {Error} When the server has no public URL, or after the request is over.
   */
  identity(audience: string): Promise<string>;
  /** Stores small values that outlive the request, scoped to the function and its user or conversation. */
  readonly memory: MemoryClient;
  /** Sends messages through Jelou. */
  readonly jelou: JelouClient;
}
