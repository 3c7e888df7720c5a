/**
 * The requests of a call channel that have no answer yet, and those whose answer is held.
 *
 * A list through the requests themselves: a map to which one is added and taken away for each call is made anew every few
 * calls. Only a call that is cancelled, or whose answer was held, is looked for.
 *
 * @module
 */
import type { ChannelRequest } from "./channel_request.ts";

/** A list of requests. */
export class OpenRequests {
  #first: ChannelRequest | null = null;

  /** Adds a request that is in no list. */
  add(request: ChannelRequest): void {
    request.next = this.#first;
    if (this.#first !== null) this.#first.previous = request;
    this.#first = request;
  }

  /** Takes a request out, if it is in the list. */
  remove(request: ChannelRequest): void {
    const { previous, next } = request;
    if (previous !== null) previous.next = next;
    else if (this.#first === request) this.#first = next;
    if (next !== null) next.previous = previous;
    request.previous = null;
    request.next = null;
  }

  /** The request with that number. */
  find(id: number): ChannelRequest | null {
    let request = this.#first;
    while (request !== null && request.id !== id) request = request.next;
    return request;
  }

  /** Takes out any one of them; `null` when there is none. */
  take(): ChannelRequest | null {
    const request = this.#first;
    if (request !== null) this.remove(request);
    return request;
  }
}
