/**
 * Makes Deno write what it compiles to its caches, which the engine gives to other workers: a bundle to those of
 * its function, the runtime's own modules to all.
 *
 * @module
 */
import { importSource } from "./module.ts";
import { stringify } from "./primordials.ts";

/** Throws before the module after it runs: all imports are compiled first, then run in order. */
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

/** Imports all of Node's modules that the runtime has. Their code is compiled when they are imported first. */
export async function compileBuiltins(): Promise<boolean> {
  const { builtinModules } = await import("node:module");
  for (const name of builtinModules) {
    try {
      await import(`node:${name}`);
    } catch {
      // Some need a permission, or a flag.
    }
  }
  return true;
}
