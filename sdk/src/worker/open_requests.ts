/**
 * The requests of a call channel that have no answer yet, and the requests whose answer is held.
 *
 * A linked list through the requests themselves. A map with one insertion and one removal per call is rebuilt
 * every few calls. Only a cancelled call, or a call whose answer was held, needs a search.
 *
 * @module
 */
import type { ChannelRequest } from "./channel_request.ts";

export class OpenRequests {
  #first: ChannelRequest | null = null;

  /** Adds a request that is in no list. */
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

  /** The request with that number. */
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
