/**
 * Prevents the code of one call from ending the process, which also serves other calls.
 *
 * Functions that would end the process throw instead, so that only the call that uses them fails. If a module uses them
 * during its import, the deploy fails. `node:process` is imported through a shim (`build/import_map.ts`), because its
 * exported names are bound to the runtime's own functions.
 *
 * @module
 */
import { PID } from "./node/identity.ts";
import { defineProperty, getOwnPropertyDescriptor, NativeError } from "./primordials.ts";

/** Deno lets a process send signals only to itself. */
const { pid } = Deno;
/** Whether a process id is the real id of this process or the id that functions see. */
const isOwn = (target: number): boolean => target === pid || target === PID;
/**
 * Returns the real `Deno.kill`. Called only on first use, because the runtime loads a module for it, which takes some
 * milliseconds.
 */
const loadKill = getOwnPropertyDescriptor(Deno, "kill")?.get ?? (() => undefined);

/** The parts of Node's `process` that can end the process. */
interface NodeProcess {
  _kill(pid: number, signal: number): unknown;
  _exiting: boolean;
}

/** Guards the functions of `Deno` that can end the process. */
export function guardDeno(): void {
  replace(Deno, "exit", (code?: number) => refuse(`Deno.exit(${code ?? ""})`));
  replace(Deno, "kill", (target: number, signal?: Deno.Signal) => {
    if (isOwn(target)) refuse(`Deno.kill(${target})`);
    (loadKill.call(Deno) as typeof Deno.kill)(target, signal);
  });
  replace(globalThis, "close", () => refuse("close()"));
}

/** Guards the functions of Node's `process` that can end the process. */
export function guardProcess(process: object): void {
  const kill = (process as NodeProcess)._kill;
  replace(process, "exit", (code?: unknown) => refuse(`process.exit(${code ?? ""})`));
  // The runtime's own modules call `reallyExit` after they have set `_exiting`.
  replace(process, "reallyExit", (code?: unknown) => {
    (process as NodeProcess)._exiting = false;
    refuse(`process.exit(${code ?? ""})`);
  });
  replace(process, "abort", () => refuse("process.abort()"));
  // `process.kill` converts the signal's name and then calls `_kill`. Signal 0 only tests whether a process exists.
  replace(process, "_kill", (target: number, signal: number) => {
    if (signal !== 0 && isOwn(target)) refuse(`process.kill(${target})`);
    return kill(target === PID ? pid : target, signal);
  });
}

/**
 * Refuses threads. Each thread has its own heap in addition to the function's memory limit. A thread that exceeds its
 * heap's limit ends the process.
 *
 * Modules import the class `Worker` by name, so the class itself cannot be replaced. The guard replaces its base class,
 * because the constructor calls the base class first.
 */
export function guardThreads(threads: object): void {
  const { Worker } = threads as { Worker: object };
  Object.setPrototypeOf(Worker, NoThreads);
}

/**
 * Refuses heap snapshots. A snapshot needs several times the memory of the heap, which would exceed the function's
 * limit.
 */
export function guardSnapshots(v8: object): void {
  for (const name of ["getHeapSnapshot", "writeHeapSnapshot"]) {
    replace(v8, name, () => {
      throw new NativeError(
        "heap snapshots are not available in functions: they need more memory than a function has",
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
