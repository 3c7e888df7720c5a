/**
 * Mocks of `ctx`.
 *
 * @module
 */
import type {
  Bot,
  Company,
  Context,
  Conversation,
  JelouClient,
  MemoryClient,
  Operator,
  Trigger,
  User,
} from "@jelou/functions";
import { checkedAudience } from "../context/audience.ts";
import { createMockJelouClient } from "./jelou.ts";
import { createMockMemoryClient } from "./memory.ts";

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
export function createMockContext(options: MockContextOptions = {}): MockContext {
  return mockContext(options, { type: "http" });
}

/**
 * Creates a context of a scheduled run.
 *
 * ```ts
 * import { createMockCronContext } from "@jelou/functions/testing";
 *
 * const ctx = createMockCronContext({ cron: "0 8 * * 1-5", cronName: "daily" });
 * ```
 */
export function createMockCronContext(options: MockCronContextOptions = {}): MockContext {
  const { cron = "0 9 * * *", cronName } = options;
  return mockContext(
    options,
    cronName === undefined ? { type: "cron", cron } : { type: "cron", cron, cronName },
  );
}

/**
 * Creates a context of an event.
 *
 * ```ts
 * import { createMockEventContext } from "@jelou/functions/testing";
 *
 * const ctx = createMockEventContext({ event: { name: "conversation.closed" } });
 * ```
 */
export function createMockEventContext(options: MockEventContextOptions = {}): MockContext {
  return mockContext(options, { type: "event", event: options.event ?? {} });
}

function mockContext(options: MockContextOptions, trigger: Trigger): MockContext {
  const logs: unknown[][] = [];
  const background: PromiseLike<unknown>[] = [];
  const log = (...args: unknown[]): void => {
    logs.push(args);
    options.log?.(...args);
  };
  const slug = options.functionSlug ?? "test-function";
  return {
    functionSlug: slug,
    requestId: options.requestId ?? crypto.randomUUID(),
    method: options.method ?? "POST",
    path: options.path ?? "/",
    params: { ...options.params },
    query: { ...options.query },
    trigger,
    isHttp: trigger.type === "http",
    isCron: trigger.type === "cron",
    isEvent: trigger.type === "event",
    env: mockEnv(options.env ?? {}),
    company: options.company ?? { id: "company-test", name: "Test Company" },
    bot: options.bot,
    user: options.user,
    conversation: options.conversation,
    operator: options.operator,
    skillId: options.skillId,
    executionId: options.executionId,
    identity: async (audience) => {
      const identity = options.identity ?? ((name: string) => mockIdentity(slug, name));
      return await identity(checkedAudience(audience));
    },
    memory: options.memory ?? createMockMemoryClient(),
    jelou: options.jelou ?? createMockJelouClient(),
    background,
    waitUntil: (work) => void background.push(work),
    logs,
    traceparent: options.traceparent ?? "00-00000000000000000000000000000001-0000000000000001-00",
    log: Object.assign(log, { debug: log, info: log, warn: log, error: log }),
  };
}

/** Creates a token with the same claims as a token of the platform, for code that reads the claims. */
function mockIdentity(slug: string, audience: string): string {
  const now = Math.floor(Date.now() / 1000);
  const encode = (value: unknown): string => {
    const bytes = new TextEncoder().encode(JSON.stringify(value));
    const text = btoa(String.fromCharCode(...bytes));
    return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  };
  const claims = {
    iss: "https://jelou.test",
    sub: `function:${slug}:deployment:dep_test`,
    aud: audience,
    iat: now,
    nbf: now,
    exp: now + 900,
    jti: crypto.randomUUID(),
    function: slug,
    function_id: "func_test",
    deployment: "dep_test",
  };
  return `${encode({ alg: "ES256", typ: "JWT", kid: "test" })}.${encode(claims)}.${encode("not signed")}`;
}

/** Keys that start with `__FN_` are not visible, as on the platform. */
function mockEnv(secrets: Record<string, string>): Context["env"] {
  const values = new Map(Object.entries(secrets).filter(([key]) => !key.startsWith("__FN_")));
  return {
    get: (key) => values.get(key),
    has: (key) => values.has(key),
    toObject: () => Object.fromEntries(values),
  };
}
