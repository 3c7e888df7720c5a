/**
 * Keeps the code of one call from ending the process, which serves the calls of others too.
 *
 * What would end it throws instead: the call that asked for it fails, and so does a deploy whose module asks for it while
 * it is imported. `node:process` is imported through a shim (`build/import_map.ts`), because the names that it exports
 * are bound to the runtime's own functions.
 *
 * @module
 */
import { defineProperty, getOwnPropertyDescriptor, includes, NativeError } from "./primordials.ts";

/** Deno lets a process signal itself, and no other one. */
const { pid } = Deno;
/** The runtime loads a module of its own to give it, which takes some milliseconds of a process's start. */
const loadKill = getOwnPropertyDescriptor(Deno, "kill")?.get ?? (() => undefined);

/** The parts of Node's `process` that end it. */
interface NodeProcess {
  getBuiltinModule(name: string): object;
  _kill(pid: number, signal: number): unknown;
  _exiting: boolean;
}

/** Guards what Deno itself offers. */
export function guardDeno(): void {
  replace(Deno, "exit", (code?: number) => refuse(`Deno.exit(${code ?? ""})`));
  replace(Deno, "kill", (target: number, signal?: Deno.Signal) => {
    if (target === pid) refuse(`Deno.kill(${target})`);
    (loadKill.call(Deno) as typeof Deno.kill)(target, signal);
  });
  replace(globalThis, "close", () => refuse("close()"));
}

/** Guards what Node's `process` offers. */
export function guardProcess(process: object): void {
  const kill = (process as NodeProcess)._kill;
  replace(process, "exit", (code?: unknown) => refuse(`process.exit(${code ?? ""})`));
  // What the runtime's own modules call for an exit, after they have noted that it is on its way.
  replace(process, "reallyExit", (code?: unknown) => {
    (process as NodeProcess)._exiting = false;
    refuse(`process.exit(${code ?? ""})`);
  });
  replace(process, "abort", () => refuse("process.abort()"));
  // `process.kill` reads the signal's name and calls this. Signal 0 only asks whether there is such a process.
  replace(process, "_kill", (target: number, signal: number) => {
    if (signal !== 0 && target === pid) refuse(`process.kill(${target})`);
    return kill(target, signal);
  });
}

/**
 * Refuses threads: each would have a heap of its own, past the function's memory limit, which ends the process.
 *
 * `Worker` is a class that modules import by name. Its base class can be replaced, and is what its constructor calls
 * first. The module is loaded only for code that speaks of it.
 */
export function guardThreads(process: object, code: string): void {
  if (!includes(code, "worker_threads")) return;
  const { Worker } = (process as NodeProcess).getBuiltinModule("node:worker_threads") as { Worker: object };
  Object.setPrototypeOf(Worker, NoThreads);
}

/** Refuses heap snapshots: one takes several times the memory of the heap, past the function's limit. */
export function guardSnapshots(process: object, code: string): void {
  if (!includes(code, "v8")) return;
  const v8 = (process as NodeProcess).getBuiltinModule("node:v8");
  for (const name of ["getHeapSnapshot", "writeHeapSnapshot"]) {
    replace(v8, name, () => {
      throw new NativeError(
        "heap snapshots are not available in functions: they take more memory than there is",
      );
    });
  }
}

class NoThreads {
  constructor() {
    throw new NativeError("threads are not available in functions: do the work in the handler");
  }
}

function refuse(attempt: string): never {
  throw new NativeError(
    `${attempt}: a function cannot end its process, which serves other calls too; return a result or throw an error`,
  );
}

// deno-lint-ignore no-explicit-any -- the shape of an arbitrary function
function replace(object: object, name: string, value: (...args: any[]) => unknown): void {
  defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
}
