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

/**
 * Loads all modules of Node that the runtime has, because a module is compiled when it is first loaded. Each
 * module is loaded by its name and by `import`, because for some names the import map leads to a shim.
 */
export async function compileBuiltins(): Promise<boolean> {
  const { builtinModules } = await import("node:module");
  const { default: process } = await import("node:process");
  for (const name of builtinModules) {
    try {
      process.getBuiltinModule(name);
      await import(`node:${name}`);
    } catch {
      // Some modules need a permission or a flag.
    }
  }
  return true;
}
