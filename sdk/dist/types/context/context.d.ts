/**
 * `ctx`: what a handler is told about its caller, and what the platform offers it.
 *
 * @module
 */
import type { Bot, Company, Conversation, Operator, User } from "./identity.d.ts";
import type { JelouClient } from "./jelou.d.ts";
import type { MemoryClient } from "./memory.d.ts";
import type { Trigger } from "./trigger.d.ts";
/** The function's secrets. Keys that start with `__FN_` belong to the platform and do not exist here. */
export interface Env {
    /** The value of a secret, or `undefined`. */
    get(key: string): string | undefined;
    /** Whether the secret exists. */
    has(key: string): boolean;
    /** A copy of all secrets. */
    toObject(): Record<string, string>;
}
/** Writes log lines of up to 16 KB with the request's id. Takes anything, as `console.log` does. */
export interface Logger {
    /** Writes a line with the level INFO. */
    (...args: unknown[]): void;
    /** Writes a line with the level DEBUG. */
    debug(...args: unknown[]): void;
    /** Writes a line with the level INFO. */
    info(...args: unknown[]): void;
    /** Writes a line with the level WARN. */
    warn(...args: unknown[]): void;
    /** Writes a line with the level ERROR. Sampling keeps the lines of a request with an error. */
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
    /** The path of the request as its route spells it, without the query: the `pathname` of `request.url`. */
    readonly path: string;
    /** The values of the route's `:param` segments. */
    readonly params: Readonly<Record<string, string>>;
    /** The query string; a key that is repeated gives a list. */
    readonly query: Readonly<Record<string, string | string[]>>;
    /** What started this run. */
    readonly trigger: Trigger;
    /** Started by an HTTP request. */
    readonly isHttp: boolean;
    /** Started by a schedule. */
    readonly isCron: boolean;
    /** Started by an event of the platform. */
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
    /** The execution of that skill. */
    readonly executionId: string | undefined;
    /**
     * The place of this call in its trace, for requests to other systems: a `traceparent` header (W3C Trace Context).
     * `fetch` sends it to other functions by itself.
     */
    readonly traceparent: string;
    /** Writes log lines: `ctx.log("text", { any: "value" })`, or with a level, `ctx.log.warn("text")`. */
    readonly log: Logger;
    /**
     * Keeps the process for work that goes on after the answer, for up to 30 seconds after it
     * (`limits.background_timeout_ms`): through a deploy, an idle end and the stop of the server. A rejection is logged.
     */
    waitUntil(work: PromiseLike<unknown>): void;
    /** Small values that outlive the request, scoped to the function and its user or conversation. */
    readonly memory: MemoryClient;
    /** Sends messages through Jelou. */
    readonly jelou: JelouClient;
}
