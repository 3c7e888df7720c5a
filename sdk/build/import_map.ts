/**
 * The import map of every worker: what a bundle means by the specifiers that are left in it.
 *
 * @module
 */

/**
 * `node:process` with the names that the worker guards (`src/worker/termination.ts`). The runtime binds the names that
 * a module exports to its own functions, so replacing them on `process` is not enough.
 */
const PROCESS = `data:text/javascript,${
  encodeURIComponent(
    'export*from"node:process";const{process}=globalThis;export default process;' +
      "export const{abort,env,exit,kill}=process;",
  )
}`;

/** The file's text. */
export function importMap(): string {
  const imports = {
    "@jelou/functions": "./functions.js",
    "@jelou/functions/testing": "./testing.js",
    "node:process": PROCESS,
  };
  // Inside the shim itself, the runtime's own.
  const scopes = { [PROCESS]: { "node:process": "node:process" } };
  return JSON.stringify({ imports, scopes }, null, 2) + "\n";
}
