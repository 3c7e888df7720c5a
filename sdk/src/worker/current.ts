/**
 * Tracks which request the running code belongs to, across `await`.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Context } from "../context/context.ts";

const storage = new AsyncLocalStorage<Context>();
const getStore = storage.getStore.bind(storage);
const run = storage.run.bind(storage);

/**
 * Returns the context of the current request. Returns `undefined` during the import of the module and in timers outside
 * a request.
 */
export function currentContext(): Context | undefined {
  return getStore();
}

/** Runs code as part of a request. */
export function runAs<R>(context: Context, code: () => R): R {
  return run(context, code) as R;
}
