/**
 * Makes Deno write compiled code to its caches. The engine gives the cache of a bundle to the workers of its function,
 * and the cache of the runtime's own modules to all workers.
 *
 * @module
 */
import { importSource } from "./module.ts";
import { stringify } from "./primordials.ts";

/**
 * A module that throws. Deno compiles all imports before it runs the first, so the import after this one is compiled
 * but not run.
 */
const STOP = "data:text/javascript,throw null";

/** Compiles the module of a URL. Returns whether it could be compiled. */
export async function compile(url: string): Promise<boolean> {
  try {
    await importSource(`import ${stringify(STOP)};import ${stringify(url)};`);
  } catch (error) {
    return error === null;
  }
  return false;
}

/** Imports all modules of Node that the runtime has, because a module is compiled at its first import. */
export async function compileBuiltins(): Promise<boolean> {
  const { builtinModules } = await import("node:module");
  for (const name of builtinModules) {
    try {
      await import(`node:${name}`);
    } catch {
      // Some modules need a permission or a flag.
    }
  }
  return true;
}
