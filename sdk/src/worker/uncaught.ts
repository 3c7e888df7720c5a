/**
 * Errors that no handler catches: they are logged, and the process goes on.
 *
 * The function's own listeners, such as those of an error tracker, get them too, but from an event of their own: an error
 * in a listener of the runtime's event would end the process.
 *
 * @module
 */
import { log } from "./log.ts";
import {
  dispatch,
  NativeErrorEvent,
  nativeQueueMicrotask,
  preventDefault,
  stopImmediatePropagation,
} from "./primordials.ts";

/** The event that is with the function's listeners. */
let passedOn: Event | null = null;

/** Listens before the function's code can. */
export function surviveErrors(): void {
  addEventListener("unhandledrejection", (event) => {
    preventDefault(event);
    log("ERROR", ["Unhandled promise rejection", event.reason]);
  });
  addEventListener("error", (event) => {
    if (event === passedOn) return;
    preventDefault(event);
    stopImmediatePropagation(event);
    const { error, message } = event;
    log("ERROR", ["Uncaught error", error ?? message]);
    // What these listeners throw comes back here, and is not passed on.
    if (passedOn === null) nativeQueueMicrotask(() => passOn(error, message));
  });
}

function passOn(error: unknown, message: string): void {
  passedOn = new NativeErrorEvent("error", { error, message, cancelable: true });
  try {
    dispatch(globalThis, passedOn);
  } finally {
    passedOn = null;
  }
}
