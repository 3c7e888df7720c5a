/**
 * Takes away what would break the walls between functions or between requests, and gives those that need one a
 * harmless `process.env`.
 *
 * @module
 */
import { includes } from "./primordials.ts";
import { guardDeno, guardProcess, guardSnapshots, guardThreads } from "./termination.ts";

/**
 * Storage that Deno keeps on disk by origin, and threads.
 *
 * A `Worker` gets a heap of its own, so each one would go past the function's memory limit, and its console
 * would write to standard output without passing through the logs.
 */
const REMOVED = [
  "localStorage",
  "sessionStorage",
  "Storage",
  "caches",
  "CacheStorage",
  "Cache",
  "Worker",
  "SharedWorker",
  "gc",
];

/** V8's own, which it gives to whoever starts it with `--expose-gc`. */
const { gc } = globalThis as unknown as { gc?: (options: { type: "minor" | "major" }) => void };

/** Collects V8's young generation. */
export function collectGarbage(): void {
  gc?.({ type: "minor" });
}

/** Bytes of bodies between two collections. */
const UNCOLLECTED_BYTES = 8 * 1024 * 1024;

let uncollected = 0;

/**
 * Collects what large bodies before this one have left. V8 does not see all the memory that the runtime takes for bodies,
 * and would let it grow past the process's limit.
 */
export function makeRoomFor(bytes: number): void {
  if (uncollected >= UNCOLLECTED_BYTES) {
    uncollected = 0;
    gc?.({ type: "major" });
  }
  uncollected += bytes;
}

/** Prepares the global object for user code. */
export function restrictGlobals(): void {
  for (const name of REMOVED) {
    Reflect.deleteProperty(globalThis, name);
    if (name in globalThis) Object.defineProperty(globalThis, name, { value: undefined });
  }
  for (const name of ["openKv", "Kv", "AtomicOperation"]) {
    delete (Deno as unknown as Record<string, unknown>)[name];
  }
  // The runtime's own functions, for its tests: they close and read any of the process's resources by number.
  delete (Deno as unknown as Record<symbol, unknown>)[(Deno as unknown as { internal: symbol }).internal];
  delete (Deno as unknown as Record<string, unknown>).internal;
  guardDeno();
  // A graphics driver's worth of native code, for machines that have no screen.
  delete (Navigator.prototype as unknown as Record<string, unknown>).gpu;
}

/**
 * Prepares Node's `process`.
 *
 * Packages read `process.env.NODE_ENV` when they are imported, which throws without the right to the
 * environment. Secrets stay out of it: dependencies that look around there are the usual way to lose them.
 *
 * The runtime makes its `process` when it is first asked for, at a price of some milliseconds and more than 1 MB:
 * only code that speaks of it, or of the modules that have it, pays that.
 */
export function provideProcess(code: string): void {
  if (!includes(code, "process") && !includes(code, "node:")) return;
  const { process } = globalThis as unknown as { process?: { env: Record<string, string> } };
  if (process === undefined) return;
  Object.defineProperty(process, "env", {
    value: { NODE_ENV: "production" },
    writable: true,
    enumerable: true,
    configurable: true,
  });
  guardProcess(process);
  guardThreads(process, code);
  guardSnapshots(process, code);
}
