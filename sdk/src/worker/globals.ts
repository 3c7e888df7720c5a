/**
 * Removes globals that would break the isolation between functions or between requests.
 *
 * @module
 */
import { neutralDeno } from "./node/identity.ts";
import { guardDeno } from "./termination.ts";

/**
 * Storage that Deno keeps on disk by origin, and threads.
 *
 * A `Worker` has its own heap, so each worker could exceed the function's memory limit, and its console would
 * write to standard output without the log.
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

/** Collects V8's young generation. */
export function collectGarbage(): void {
  gc?.({ type: "minor" });
}

/** Bytes of bodies between two collections. */
const UNCOLLECTED_BYTES = 8 * 1024 * 1024;

let uncollected = 0;

/**
 * Collects the garbage of earlier large bodies. V8 does not count all the memory that the runtime uses for
 * bodies, so that memory could grow past the process's limit.
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
  // The runtime's test functions can close and read any resource of the process by its number.
  delete (Deno as unknown as Record<symbol, unknown>)[(Deno as unknown as { internal: symbol }).internal];
  delete (Deno as unknown as Record<string, unknown>).internal;
  guardDeno();
  neutralDeno();
  Object.defineProperty(Navigator.prototype, "hardwareConcurrency", {
    get: () => 1,
    enumerable: true,
    configurable: true,
  });
  // WebGPU loads a large native graphics driver, and servers have no screen.
  delete (Navigator.prototype as unknown as Record<string, unknown>).gpu;
}
