/**
 * The import map of every worker: the modules of the specifiers that a bundle still contains.
 *
 * @module
 */

import { REPLACED } from "../src/worker/node/names.ts";

/**
 * A module of Node with the exports that the worker replaces (`src/worker/node/builtins.ts`). The runtime
 * binds exported names to its own functions, so replacing them on the module's object is not enough. A
 * `data:` URL needs no read permission.
 */
function shim(name: string, replaced: readonly string[]): string {
  const object = name === "process"
    ? "globalThis.process"
    : `globalThis.process.getBuiltinModule("node:${name}")`;
  const names = replaced.length === 0 ? "" : `export const{${replaced}}=o;`;
  const code = `export*from"node:${name}";const o=${object};export default o;${names}`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

const SHIMS = Object.entries(REPLACED).map(([name, replaced]) => ({ name, url: shim(name, replaced) }));

/** The file's text. */
export function importMap(): string {
  const imports = {
    "@jelou/functions": "./functions.js",
    "@jelou/functions/testing": "./testing.js",
    // Packages import these modules with and without `node:`.
    ...Object.fromEntries(SHIMS.flatMap(({ name, url }) => [[name, url], [`node:${name}`, url]])),
  };
  // Inside a shim, the name means the runtime's own module.
  const scopes = Object.fromEntries(
    SHIMS.map(({ name, url }) => [url, { [`node:${name}`]: `node:${name}` }]),
  );
  return JSON.stringify({ imports, scopes }, null, 2) + "\n";
}
