/**
 * The requests of a call channel that have no answer yet, and the requests whose answer is held.
 *
 * A linked list, whose links are in the requests. A map would be rebuilt every few calls, because each call adds and
 * removes an entry. Only a cancelled call, or a call with a held answer, needs a search.
 *
 * @module
 */
import type { ChannelRequest } from "./channel_request.ts";

export class OpenRequests {
  #first: ChannelRequest | null = null;

  /** Adds a request that is not in the list. */
  add(request: ChannelRequest): void {
    request.next = this.#first;
    if (this.#first !== null) this.#first.previous = request;
    this.#first = request;
  }

  /** Removes a request, if it is in the list. */
  remove(request: ChannelRequest): void {
    const { previous, next } = request;
    if (previous !== null) previous.next = next;
    else if (this.#first === request) this.#first = next;
    if (next !== null) next.previous = previous;
    request.previous = null;
    request.next = null;
  }

  /** Returns the request with this number, or `null`. */
  find(id: number): ChannelRequest | null {
    let request = this.#first;
    while (request !== null && request.id !== id) request = request.next;
    return request;
  }

  /** Removes and returns any request. Returns `null` if the list is empty. */
  take(): ChannelRequest | null {
    const request = this.#first;
    if (request !== null) this.remove(request);
    return request;
  }
}
