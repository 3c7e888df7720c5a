/**
 * Prepares Node's modules for functions when they are first used, on every way to them: `import` by the shims of
 * the import map, `require`, `process.getBuiltinModule` and the global `process`. A module that a function does not
 * use costs nothing.
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
 * Replaces the global `process` with one that is prepared at its first use, which takes some milliseconds.
 *
 * @param words Words that the bundle contains.
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
  // The agents of these modules call functions of these other ones.
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
      // Code that gets `require` elsewhere, for example from the bundler, loads modules with it.
      builtin("module");
    }
    return prepared("process", real);
  }

  define({ get: process, set: (value) => define({ value, writable: true }) });
  // The runtime resolves this specifier without the import map.
  if (words.includes("node:worker_threads")) {
    process();
    builtin("worker_threads");
  }
}

function define(property: PropertyDescriptor): void {
  defineProperty(globalThis, "process", { ...property, enumerable: true, configurable: true });
}
