/**
 * A request that arrived in a frame of the call channel. Its head is text, and its body is in memory.
 *
 * @module
 */
import { CallFacts } from "./call_facts.ts";
import type { Incoming } from "./incoming.ts";
import {
  abort,
  appendHeader,
  byteLength,
  controllerSignal,
  copy,
  decode,
  indexOf,
  NativeAbortController,
  NativeHeaders,
  slice,
} from "./primordials.ts";
import type { Reporter } from "./work_reports.ts";

/** One request. Most of its parts are parsed on first use. */
export class ChannelRequest implements Incoming {
  readonly id: number;
  readonly reporter: Reporter;
  readonly native = null;
  readonly method: string;
  readonly target: string;
  readonly facts: CallFacts;
  readonly contentType: string;
  /** The neighbours in the channel's list of open requests. */
  next: ChannelRequest | null = null;
  previous: ChannelRequest | null = null;
  /** The head as received. */
  readonly #head: string;
  /** The index of the newline before the first `name: value` line. */
  readonly #lines: number;
  #body: Uint8Array<ArrayBuffer>;
  #read = false;
  #headers: Headers | undefined;
  #controller: AbortController | undefined;
  #aborted = false;

  /** After a call of {@link keep}, the creator may overwrite `body`. */
  constructor(id: number, head: string, body: Uint8Array<ArrayBuffer>, reporter: Reporter) {
    this.id = id;
    this.reporter = reporter;
    this.#head = head;
    this.#body = body;
    const space = indexOf(head, " ");
    const facts = indexOf(head, "\n", space) + 1;
    const contentType = indexOf(head, "\n", facts) + 1;
    this.#lines = indexOf(head, "\n", contentType);
    this.method = slice(head, 0, space);
    this.target = slice(head, space + 1, facts - 1);
    this.facts = new CallFacts(slice(head, facts, contentType - 1));
    this.contentType = slice(head, contentType, this.#lines);
  }

  header(name: string): string | null {
    const line = `\n${name}: `;
    let value: string | null = null;
    for (let at = indexOf(this.#head, line, this.#lines); at >= 0;) {
      const start = at + line.length;
      const end = indexOf(this.#head, "\n", start);
      const more = slice(this.#head, start, end);
      value = value === null ? more : `${value}, ${more}`;
      at = indexOf(this.#head, line, end);
    }
    return value;
  }

  headers(): Headers {
    if (this.#headers !== undefined) return this.#headers;
    const headers = new NativeHeaders();
    for (let at = this.#lines + 1; at < this.#head.length;) {
      const colon = indexOf(this.#head, ": ", at);
      const end = indexOf(this.#head, "\n", at);
      appendHeader(headers, slice(this.#head, at, colon), slice(this.#head, colon + 2, end));
      at = end + 1;
    }
    return this.#headers = headers;
  }

  hasBody(): boolean {
    return byteLength(this.#body) > 0;
  }

  text(): string {
    this.#read = true;
    return decode(this.#body);
  }

  bytes(): Uint8Array<ArrayBuffer> {
    this.#read = true;
    return copy(this.#body);
  }

  stream(): BodyInit | null {
    return this.hasBody() ? this.#body : null;
  }

  /** Copies the body, unless it has been read. */
  keep(): void {
    if (!this.#read && this.hasBody()) this.#body = copy(this.#body);
  }

  signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new NativeAbortController();
      if (this.#aborted) this.abort();
    }
    return controllerSignal(this.#controller);
  }

  isAborted(): boolean {
    return this.#aborted;
  }

  /** Handles the frame `CANCEL`: the caller has disconnected. */
  abort(): void {
    this.#aborted = true;
    if (this.#controller !== undefined) abort(this.#controller);
  }
}
