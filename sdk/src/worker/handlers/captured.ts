/**
 * Servers that the module itself starts. They do not listen on a port. The gateway's requests go to the handler of the
 * first server.
 *
 * @module
 */
import { NativePromise, nativeSetTimeout } from "../primordials.ts";
import type { WebHandler } from "./handler.ts";

/** Maximum time in milliseconds until a module without exports calls `listen`. */
const LISTENS_WITHIN_MS = 2_000;

let first: WebHandler | null = null;
let isOver = false;
let arrived: (handler: WebHandler) => void = () => {};
const arriving = new NativePromise<WebHandler>((resolve) => arrived = resolve);

/**
 * Stores the handler of a server. Only the first server gets requests. Another server, such as a metrics
 * server, gets none.
 */
export function capture(handler: WebHandler): void {
  if (isOver) {
    throw new Error(
      `${handler.source}: a server starts when its module is imported, not later; call it at the top of the module`,
    );
  }
  first ??= handler;
  arrived(first);
}

/** Returns the handler of the first server, or `null` if the module has started none. */
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

/** Resolves `milliseconds` after the first server has started. */
export function servesFor(milliseconds: number): Promise<void> {
  return new NativePromise((resolve) => {
    arriving.then(() => nativeSetTimeout(resolve, milliseconds));
  });
}

/** Ends the time in which servers may start. */
export function endCapture(): void {
  isOver = true;
}
