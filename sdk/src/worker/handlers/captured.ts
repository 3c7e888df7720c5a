/**
 * Servers that the module starts by itself. None of them listens: the gateway's requests go to their handlers.
 *
 * @module
 */
import { NativePromise, nativeSetTimeout } from "../primordials.ts";
import type { WebHandler } from "./handler.ts";

/** How long a module without exports may take until it listens, in milliseconds. */
const LISTENS_WITHIN_MS = 2_000;

let first: WebHandler | null = null;
let isOver = false;
let arrived: (handler: WebHandler) => void = () => {};
const arriving = new NativePromise<WebHandler>((resolve) => arrived = resolve);

/** Takes the handler of a server. Further servers, such as one for metrics, get no requests. */
export function capture(handler: WebHandler): void {
  if (isOver) {
    throw new Error(
      `${handler.source}: a server starts when its module is imported, not later; call it at the top of the module`,
    );
  }
  first ??= handler;
  arrived(first);
}

/** The handler of the first server, if the module has started one. */
export function captured(): WebHandler | null {
  return first;
}

/** Waits for a server that starts after the import, as in `await connect(); app.listen()`. */
export function capturedSoon(): Promise<WebHandler | null> {
  return new NativePromise((resolve) => {
    arriving.then(resolve);
    nativeSetTimeout(() => resolve(first), LISTENS_WITHIN_MS);
  });
}

/** Resolves this many milliseconds after the first server has started. */
export function servesFor(milliseconds: number): Promise<void> {
  return new NativePromise((resolve) => {
    arriving.then(() => nativeSetTimeout(resolve, milliseconds));
  });
}

/** Ends the time in which servers can start. */
export function endCapture(): void {
  isOver = true;
}
