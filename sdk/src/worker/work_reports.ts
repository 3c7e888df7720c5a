/**
 * Reports to the engine about work that continues after an answer ({@link Background}).
 *
 * The report must reach the engine before the answer. A request of the call channel reports on its own
 * channel, before its answer. A request over HTTP reports on any channel, and its answer waits until the
 * engine has confirmed the report.
 *
 * @module
 */
import { mapDelete, mapGet, mapSet, NativeMap, NativePromise } from "./primordials.ts";

/** A connection to the engine that carries reports. */
export interface Reporter {
  /** Reports that work begins. If `receipt` is not 0, the engine confirms the report with this number. */
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
 * @returns A promise that the answer must wait for, or `null`.
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

/** Handles the engine's confirmation of a report. */
export function takeReceipt(number: number): void {
  const resolve = mapGet(receipts, number);
  mapDelete(receipts, number);
  resolve?.();
}
