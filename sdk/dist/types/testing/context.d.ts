/**
 * Mocks of `ctx`.
 *
 * @module
 */
import type { Bot, Company, Context, Conversation, JelouClient, MemoryClient, Operator, User } from "../functions.d.ts";
/** The options of a mock context. All have defaults. */
export interface MockContextOptions {
    /** Default `"test-function"`. */
    functionSlug?: string;
    /** Default: a new UUID. */
    requestId?: string;
    /** Default `"POST"`. */
    method?: string;
    /** Default `"/"`. */
    path?: string;
    /** The values of the route's parameters. */
    params?: Record<string, string>;
    /** The query string. */
    query?: Record<string, string | string[]>;
    /** The secrets. */
    env?: Record<string, string>;
    /** Default `{ id: "company-test", name: "Test Company" }`. */
    company?: Company;
    /** The bot, if any. */
    bot?: Bot;
    /** The user, if any. */
    user?: User;
    /** The conversation, if any. */
    conversation?: Conversation;
    /** The operator, if any. */
    operator?: Operator;
    /** The skill, if any. */
    skillId?: string;
    /** The skill's execution, if any. */
    executionId?: string;
    /** Default: an unsampled trace with constant ids. */
    traceparent?: string;
    /** Default: an empty `createMockMemoryClient()`. */
    memory?: MemoryClient;
    /** Default: `createMockJelouClient()`. */
    jelou?: JelouClient;
    /** Returns the token of `ctx.identity`. Default: a token of the same form, with an invalid signature. */
    identity?: (audience: string) => string | Promise<string>;
    /** Called for every `ctx.log` of any level. The arguments are also added to `logs`. */
    log?: (...args: unknown[]) => void;
}
/** A context that records the log calls and the promises of `ctx.waitUntil`. */
export interface MockContext extends Context {
    /** The promises passed to `ctx.waitUntil`, in order: `await Promise.all(ctx.background)`. */
    readonly background: PromiseLike<unknown>[];
    /** The arguments of every `ctx.log` of any level, in order. */
    readonly logs: unknown[][];
}
/** The options of a mock cron context. */
export interface MockCronContextOptions extends MockContextOptions {
    /** The schedule. Default `"0 9 * * *"`. */
    cron?: string;
    /** The schedule's name, if any. */
    cronName?: string;
}
/** The options of a mock event context. */
export interface MockEventContextOptions extends MockContextOptions {
    /** The event. Default `{}`. */
    event?: unknown;
}
/**
 * Creates a context of an HTTP request.
 *
 * ```ts
 * import { createMockContext } from "@jelou/functions/testing";
 *
 * const ctx = createMockContext({ env: { API_KEY: "test" }, user: { id: "7", names: "Ana" } });
 * ```
 */
export declare function createMockContext(options?: MockContextOptions): MockContext;
/**
 * Creates a context of a scheduled run.
 *
 * ```ts
 * import { createMockCronContext } from "@jelou/functions/testing";
 *
 * const ctx = createMockCronContext({ cron: "0 8 * * 1-5", cronName: "daily" });
 * ```
 */
export declare function createMockCronContext(options?: MockCronContextOptions): MockContext;
/**
 * Creates a context of an event.
 *
 * ```ts
 * import { createMockEventContext } from "@jelou/functions/testing";
 *
 * const ctx = createMockEventContext({ event: { name: "conversation.closed" } });
 * ```
 */
export declare function createMockEventContext(options?: MockEventContextOptions): MockContext;
