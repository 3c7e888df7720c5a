/**
 * Logs errors that no handler catches, so that the process continues.
 *
 * The function's own listeners, such as those of an error tracker, get these errors from a separate event. In
 * the runtime's event, an error in a listener would end the process.
 *
 * @module
 */
import { log } from "./log.ts";
import { hintAtMissingSecrets } from "./unset.ts";
import {
  dispatch,
  NativeErrorEvent,
  nativeQueueMicrotask,
  preventDefault,
  stopImmediatePropagation,
} from "./primordials.ts";

/** The event that the function's listeners are currently handling. */
let passedOn: Event | null = null;

/** Adds the listeners before the function's code can add its own. */
export function surviveErrors(): void {
  addEventListener("unhandledrejection", (event) => {
    preventDefault(event);
    log("ERROR", ["Unhandled promise rejection", event.reason]);
    hintAtMissingSecrets(event.reason);
  });
  addEventListener("error", (event) => {
    if (event === passedOn) return;
    preventDefault(event);
    stopImmediatePropagation(event);
    const { error, message } = event;
    log("ERROR", ["Uncaught error", error ?? message]);
    hintAtMissingSecrets(error);
    // Errors of these listeners arrive here again, and are not passed on.
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
