/**
 * Prepares Node's modules for functions on first use, however they are loaded: by `import` (through the shims of the
 * import map), `require`, `process.getBuiltinModule` or the global `process`. A module that a function does not use
 * costs nothing.
 *
 * @module
 */
import { guardSnapshots, guardThreads } from "../termination.ts";
import {
  defineProperty,
  getOwnPropertyDescriptor,
  NativeSet,
  setAdd,
  setHas,
  slice,
  startsWith,
} from "../primordials.ts";
import { prepareFs } from "./fs.ts";
import { OS } from "./os.ts";
import { type Platform, prepareHttp, prepareNet, prepareTls } from "./platform_sockets.ts";
import { prepareProcess } from "./process.ts";
import { replaceAll } from "./replace.ts";

interface NodeProcess {
  getBuiltinModule(id: string): object | undefined;
}

interface NodeModule {
  _load(id: string, ...rest: unknown[]): unknown;
}

/**
 * Replaces the global `process` with an accessor that prepares it on first use, because the preparation takes some
 * milliseconds.
 *
 * @param words Substrings that the engine has found in the bundle.
 */
export function provideBuiltins(platform: Platform, words: readonly string[]): void {
  const getProcess = getOwnPropertyDescriptor(globalThis, "process")?.get;
  if (getProcess === undefined) throw new Error("process is no accessor in this version of Deno");
  let native: NodeProcess["getBuiltinModule"];
  const builtin = (id: string): object | undefined => prepared(id, native(id));
  const preparations: Record<string, (module: object) => void> = {
    fs: prepareFs,
    http: (module) => prepareHttp(module, platform),
    module: (module) => prepareRequire(module as NodeModule),
    net: (module) => prepareNet(module, platform),
    os: (module) => replaceAll(module, OS),
    process: prepareProcess,
    tls: (module) => prepareTls(module, builtin("net")!, platform),
    v8: guardSnapshots,
    worker_threads: guardThreads,
  };
  // A module whose agent uses another module: `https` calls functions of `tls`, so `tls` must be prepared too.
  const uses: Record<string, string> = { https: "tls" };
  const done = new NativeSet<string>();

  function prepared<T>(id: string, module: T): T {
    const name = startsWith(id, "node:") ? slice(id, 5) : id;
    if (setHas(done, name) || typeof module !== "object" && typeof module !== "function" || module === null) {
      return module;
    }
    setAdd(done, name);
    preparations[name]?.(module);
    if (uses[name] !== undefined) builtin(uses[name]);
    return module;
  }

  function prepareRequire(module: NodeModule): void {
    const load = module._load;
    replaceAll(module, {
      getBuiltinModule: builtin,
      _load(this: unknown, id: string, ...rest: unknown[]): unknown {
        const loaded = load.call(this, id, ...rest);
        return typeof id === "string" ? prepared(id, loaded) : loaded;
      },
    });
  }

  function process(): object {
    const real = getProcess!.call(globalThis) as NodeProcess;
    if (native === undefined) {
      native = real.getBuiltinModule;
      replaceAll(real, { getBuiltinModule: builtin });
      // Code can get `require` without `node:module`, for example from the bundler.
      builtin("module");
    }
    return prepared("process", real);
  }

  define({ get: process, set: (value) => define({ value, writable: true }) });
  // The runtime resolves `node:worker_threads` without the import map, so no shim prepares it.
  if (words.includes("node:worker_threads")) {
    process();
    builtin("worker_threads");
  }
}

function define(property: PropertyDescriptor): void {
  defineProperty(globalThis, "process", { ...property, enumerable: true, configurable: true });
}
