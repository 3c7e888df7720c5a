/**
 * `ctx.waitUntil`: work that continues after the answer. The engine keeps the process running until the work has ended.
 *
 * @module
 */
import type { Context } from "../context/context.ts";
import { runAs } from "./current.ts";
import type { Incoming } from "./incoming.ts";
import { log } from "./log.ts";
import { NativePromise, nativeSetTimeout, NativeTypeError, then } from "./primordials.ts";
import { reportWork, reportWorked } from "./work_reports.ts";

/** The work that one request has passed to `ctx.waitUntil`. */
export class Background {
  readonly #context: Context;
  readonly #incoming: Incoming;
  #pending = 0;
  #isReported = false;

  constructor(context: Context, incoming: Incoming) {
    this.#context = context;
    this.#incoming = incoming;
  }

  /** Adds a promise. A rejection is logged. */
  add(work: unknown): void {
    if (!isThenable(work)) {
      const call = typeof work === "function" ? "; call the function: ctx.waitUntil(work())" : "";
      throw new NativeTypeError(`ctx.waitUntil needs a promise, and got ${describe(work)}${call}`);
    }
    this.#pending++;
    if (!this.#isReported) {
      this.#isReported = true;
      const receipt = reportWork(this.#incoming.reporter, this.#context.requestId);
      if (receipt !== null) this.#incoming.awaitReceipt?.(receipt);
    }
    const done = () => this.#done();
    then(new NativePromise((resolve) => resolve(work)), done, (error: unknown) => {
      runAs(this.#context, () => log("ERROR", ["A promise of ctx.waitUntil was rejected", error]));
      done();
    });
  }

  #done(): void {
    if (--this.#pending > 0) return;
    // Code often adds its next promise as soon as the previous one ends, so the report waits one turn of the
    // event loop.
    nativeSetTimeout(() => {
      if (this.#pending > 0 || !this.#isReported) return;
      this.#isReported = false;
      reportWorked(this.#incoming.reporter, this.#context.requestId);
    }, 0);
  }
}

function isThenable(work: unknown): work is PromiseLike<unknown> {
  return typeof work === "object" && work !== null &&
    typeof (work as { then?: unknown }).then === "function";
}

function describe(work: unknown): string {
  if (work === null) return "null";
  return work === undefined ? "undefined" : `a ${typeof work}`;
}
