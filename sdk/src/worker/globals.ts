/**
 * Removes globals that would break the isolation between functions or between requests.
 *
 * @module
 */
import { neutralDeno } from "./node/identity.ts";
import { guardDeno } from "./termination.ts";

/**
 * The removed globals: threads, V8's `gc`, and storage that Deno writes to disk by origin.
 *
 * A `Worker` has its own heap, so it could exceed the function's memory limit. Its console would write to standard
 * output instead of the log.
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

/** V8's `gc`, which exists only with `--expose-gc`. */
const { gc } = globalThis as unknown as { gc?: (options: { type: "minor" | "major" }) => void };

/** Collects the garbage of V8's young generation. */
export function collectGarbage(): void {
  gc?.({ type: "minor" });
}

/** Bytes of bodies after which the garbage is collected. */
const UNCOLLECTED_BYTES = 8 * 1024 * 1024;

let uncollected = 0;

/**
 * Collects the garbage of earlier large bodies. V8 does not count all memory of bodies, so the process could exceed its
 * limit.
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
  // The runtime's internal test functions can read and close any resource of the process by its number.
  delete (Deno as unknown as Record<symbol, unknown>)[(Deno as unknown as { internal: symbol }).internal];
  delete (Deno as unknown as Record<string, unknown>).internal;
  guardDeno();
  neutralDeno();
  Object.defineProperty(Navigator.prototype, "hardwareConcurrency", {
    get: () => 1,
    enumerable: true,
    configurable: true,
  });
  // WebGPU would load a large native graphics driver, which is useless on servers.
  delete (Navigator.prototype as unknown as Record<string, unknown>).gpu;
}
