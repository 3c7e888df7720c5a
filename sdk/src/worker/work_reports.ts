/**
 * Reports to the engine about work that goes on after an answer ({@link Background}).
 *
 * The engine must know of the work before it knows that the answer is complete. A request of the call channel
 * reports on its own channel, before its answer. A request over HTTP reports on any channel, and its answer
 * waits for the engine's receipt.
 *
 * @module
 */
import { mapDelete, mapGet, mapSet, NativeMap, NativePromise } from "./primordials.ts";

/** A connection to the engine that carries reports. */
export interface Reporter {
  /** Reports that work begins. The engine sends a receipt with the number, unless it is 0. */
  reportWork(requestId: string, receipt: number): void;
  reportWorked(requestId: string): void;
}

const open: Reporter[] = [];
const receipts = new NativeMap<number, () => void>();
let lastReceipt = 0;

export function addReporter(reporter: Reporter): void {
  open[open.length] = reporter;
}

export function removeReporter(reporter: Reporter): void {
  for (let index = 0; index < open.length; index++) {
    if (open[index] !== reporter) continue;
    open[index] = open[open.length - 1]!;
    open.length--;
    return;
  }
}

/**
 * Reports that the work of a request begins.
 *
 * @param own The request's own connection, or `null` for a request over HTTP.
 * @returns The receipt that the answer must wait for, if any.
 */
export function reportWork(own: Reporter | null, requestId: string): Promise<void> | null {
  const reporter = own ?? open[0];
  if (reporter === undefined) return null;
  if (own !== null) {
    own.reportWork(requestId, 0);
    return null;
  }
  lastReceipt = lastReceipt % 0xffff_ffff + 1;
  const number = lastReceipt;
  const receipt = new NativePromise<void>((resolve) => mapSet(receipts, number, resolve));
  reporter.reportWork(requestId, number);
  return receipt;
}

/** Reports that the work of a request has ended. */
export function reportWorked(own: Reporter | null, requestId: string): void {
  (own ?? open[0])?.reportWorked(requestId);
}

/** Handles a receipt of the engine. */
export function takeReceipt(number: number): void {
  const resolve = mapGet(receipts, number);
  mapDelete(receipts, number);
  resolve?.();
}
