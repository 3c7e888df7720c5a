/**
 * Logs errors that the function does not catch, so that the process continues.
 *
 * The function's own listeners, such as the listener of an error tracker, get these errors in a second event. If a
 * listener threw during the runtime's own event, the process would end.
 *
 * @module
 */
import { log } from "./log.ts";
import { hintAtMissingSecrets } from "./missing_secrets.ts";
import {
  dispatch,
  NativeErrorEvent,
  nativeQueueMicrotask,
  preventDefault,
  stopImmediatePropagation,
} from "./primordials.ts";

/** The second event, while the function's listeners handle it. */
let passedOn: Event | null = null;

/** Adds the listeners. Must run before the function's code adds its own. */
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
    // Errors of these listeners arrive here as well. They are logged, but not passed on again.
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
