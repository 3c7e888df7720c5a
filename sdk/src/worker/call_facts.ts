/**
 * The data that the gateway adds to a caller's request.
 *
 * The data is one line, both over HTTP and over the call channel. The fields have a fixed order, are percent-encoded
 * and separated by spaces. An absent field is empty. `call_facts.rs` of the engine writes the line.
 *
 * @module
 */
import type { Bot, Company, Conversation, Operator, User } from "../context/identity.ts";
import type { Trigger } from "../context/trigger.ts";
import { decodeComponent, indexOf, parse, slice } from "./primordials.ts";

/** The header that carries the line when a call comes over HTTP. */
export const CALL_HEADER = "x-jelou-call";

/** The key of the only tool of a function without `app()`. */
export const DEFAULT_TOOL = "default";

/** The company, user and other parties on whose behalf the caller acts. */
export interface Identity {
  readonly company?: Company;
  readonly bot?: Bot;
  readonly user?: User;
  readonly conversation?: Conversation;
  readonly operator?: Operator;
  readonly skillId?: string;
  readonly executionId?: string;
}

/** The positions of the fields in the line. */
const REQUEST_ID = 0;
const TOOL = 1;
const URL = 2;
const PARAMS = 3;
const IDENTITY = 4;
const TRIGGER = 5;
const TRACEPARENT = 6;

/** The gateway's data about one call. Each field is decoded on first use. */
export class CallFacts {
  readonly #line: string;
  readonly requestId: string;

  constructor(line: string) {
    this.#line = line;
    this.requestId = this.#field(REQUEST_ID);
  }

  /** The key of the called tool. */
  get tool(): string {
    return this.#field(TOOL);
  }

  /** The scheme and authority of the function's URL. */
  get url(): string {
    return this.#field(URL);
  }

  /** The values of the route's parameters. */
  get params(): Readonly<Record<string, string>> | null {
    return this.#json(PARAMS) as Record<string, string> | null;
  }

  get identity(): Identity | null {
    return this.#json(IDENTITY) as Identity | null;
  }

  /** What started the call. `null` means an HTTP request. */
  get trigger(): Partial<Trigger> | null {
    return this.#json(TRIGGER) as Partial<Trigger> | null;
  }

  /** The `traceparent` of the call. `null` if the call has none. */
  get traceparent(): string | null {
    return this.#field(TRACEPARENT) || null;
  }

  #json(index: number): unknown {
    const text = this.#field(index);
    return text === "" ? null : parse(text);
  }

  #field(index: number): string {
    let start = 0;
    for (let passed = 0; passed < index; passed++) {
      start = indexOf(this.#line, " ", start) + 1;
      // HTTP removes trailing spaces from a header, so the last fields may be missing.
      if (start === 0) return "";
    }
    const end = indexOf(this.#line, " ", start);
    return decodeComponent(end < 0 ? slice(this.#line, start) : slice(this.#line, start, end));
  }
}

/** The line for a request that does not come from the gateway. */
export const NO_FACTS = ` ${DEFAULT_TOOL} http://localhost`;
