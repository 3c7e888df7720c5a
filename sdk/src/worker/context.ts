/**
 * `ctx` of one request. Each field is computed on first use, because most handlers use only a few fields.
 *
 * @module
 */
import type { Context, Env, Logger } from "../context/context.ts";
import type { Bot, Company, Conversation, Operator, User } from "../context/identity.ts";
import type { JelouClient } from "../context/jelou.ts";
import type { MemoryClient } from "../context/memory.ts";
import type { CronTrigger, Trigger } from "../context/trigger.ts";
import { Background } from "./background.ts";
import type { Identity } from "./call_facts.ts";
import type { IdentityFactory } from "./identity.ts";
import type { Incoming } from "./incoming.ts";
import type { JelouFactory } from "./jelou.ts";
import { type Level, logAs } from "./log.ts";
import type { MemoryFactory } from "./memory.ts";
import { freeze, indexOf, slice } from "./primordials.ts";
import { type Fields, parseFields } from "./query.ts";
import { traceparentOf } from "./trace.ts";

/** The data that all requests to this function have in common. */
export interface FunctionScope {
  readonly functionSlug: string;
  readonly company: Company;
  readonly env: Env;
  readonly memory: MemoryFactory;
  readonly jelou: JelouFactory;
  readonly identity: IdentityFactory;
}

const { assign } = Object;
const HTTP: Trigger = freeze({ type: "http" });
const NOTHING = freeze({});

/** The context of one request. */
export class InvocationContext implements Context {
  readonly #scope: FunctionScope;
  readonly #incoming: Incoming;
  readonly requestId: string;
  readonly method: string;
  #query: Fields | undefined;
  #params: Readonly<Record<string, string>> | undefined;
  #trigger: Trigger | undefined;
  #who: Identity | undefined;
  #memory: MemoryClient | undefined;
  #jelou: JelouClient | undefined;
  #identity: ((audience: string) => Promise<string>) | undefined;
  #log: Logger | undefined;
  #waitUntil: ((work: PromiseLike<unknown>) => void) | undefined;

  constructor(scope: FunctionScope, incoming: Incoming) {
    this.#scope = scope;
    this.#incoming = incoming;
    this.requestId = incoming.facts.requestId;
    this.method = incoming.method;
  }

  get functionSlug(): string {
    return this.#scope.functionSlug;
  }

  get path(): string {
    const { target } = this.#incoming;
    const mark = indexOf(target, "?");
    return mark < 0 ? target : slice(target, 0, mark);
  }

  get query(): Fields {
    if (this.#query !== undefined) return this.#query;
    const { target } = this.#incoming;
    const mark = indexOf(target, "?");
    return this.#query = parseFields(mark < 0 ? "" : slice(target, mark + 1));
  }

  get params(): Readonly<Record<string, string>> {
    return this.#params ??= this.#incoming.facts.params ?? NOTHING;
  }

  get trigger(): Trigger {
    return this.#trigger ??= trigger(this.#incoming.facts.trigger);
  }

  get isHttp(): boolean {
    return this.trigger.type === "http";
  }

  get isCron(): boolean {
    return this.trigger.type === "cron";
  }

  get isEvent(): boolean {
    return this.trigger.type === "event";
  }

  get env(): Env {
    return this.#scope.env;
  }

  get company(): Company {
    return this.#people.company ?? this.#scope.company;
  }

  get bot(): Bot | undefined {
    return this.#people.bot;
  }

  get user(): User | undefined {
    return this.#people.user;
  }

  get conversation(): Conversation | undefined {
    return this.#people.conversation;
  }

  get operator(): Operator | undefined {
    return this.#people.operator;
  }

  get skillId(): string | undefined {
    return this.#people.skillId;
  }

  get executionId(): string | undefined {
    return this.#people.executionId;
  }

  /** The result does not depend on `this`, so `const { log } = ctx` works. */
  get log(): Logger {
    return this.#log ??= this.#logger();
  }

  get traceparent(): string {
    return this.#incoming.facts.traceparent ?? traceparentOf(this.requestId);
  }

  get memory(): MemoryClient {
    return this.#memory ??= this.#scope.memory(this.requestId);
  }

  get jelou(): JelouClient {
    return this.#jelou ??= this.#scope.jelou(this.bot?.id);
  }

  /** The result does not depend on `this`, so `const { identity } = ctx` works. */
  get identity(): (audience: string) => Promise<string> {
    return this.#identity ??= this.#scope.identity(this.requestId);
  }

  /** The result does not depend on `this`, so `const { waitUntil } = ctx` works. */
  get waitUntil(): (work: PromiseLike<unknown>) => void {
    return this.#waitUntil ??= this.#keeper();
  }

  /**
   * Exists for code written for Cloudflare Workers. Does nothing, because there is no origin server to fall back to.
   */
  passThroughOnException(): void {}

  #logger(): Logger {
    const at = (level: Level) => (...args: unknown[]) => logAs(this, level, args);
    return assign(at("INFO"), {
      debug: at("DEBUG"),
      info: at("INFO"),
      warn: at("WARN"),
      error: at("ERROR"),
    });
  }

  #keeper(): (work: PromiseLike<unknown>) => void {
    const background = new Background(this, this.#incoming);
    return (work) => background.add(work);
  }

  get #people(): Identity {
    return this.#who ??= this.#incoming.facts.identity ?? NOTHING;
  }
}

function trigger(value: Partial<Trigger> | null): Trigger {
  if (value === null || value.type === undefined || value.type === "http") return HTTP;
  if (value.type !== "cron") return value as Trigger;
  const { type, cron, cronName, scheduledTime } = value as
    & { cronName?: string | null }
    & Omit<
      CronTrigger,
      "cronName"
    >;
  return {
    type,
    cron,
    ...cronName === undefined || cronName === null ? {} : { cronName },
    ...scheduledTime === undefined ? {} : { scheduledTime },
  };
}
