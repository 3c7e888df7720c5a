/**
 * The import map of every worker: what a bundle means by the specifiers that are left in it.
 *
 * @module
 */

/**
 * A module of Node's with the names that the worker guards (`src/worker/termination.ts`). The runtime binds the names that
 * a module exports to its own functions, so replacing them on the module's object is not enough.
 */
function shim(specifier: string, object: string, guarded: readonly string[]): string {
  const code = `export*from"${specifier}";const o=${object};export default o;export const{${guarded}}=o;`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

const SHIMS = {
  "node:process": shim("node:process", "globalThis.process", ["abort", "env", "exit", "kill"]),
  "node:v8": shim("node:v8", 'globalThis.process.getBuiltinModule("node:v8")', [
    "getHeapSnapshot",
    "writeHeapSnapshot",
  ]),
};

/** The file's text. */
export function importMap(): string {
  const imports = {
    "@jelou/functions": "./functions.js",
    "@jelou/functions/testing": "./testing.js",
    ...SHIMS,
  };
  // Inside a shim itself, the runtime's own.
  const scopes = Object.fromEntries(
    Object.entries(SHIMS).map(([specifier, url]) => [url, { [specifier]: specifier }]),
  );
  return JSON.stringify({ imports, scopes }, null, 2) + "\n";
}
