// Loads native code.
import { define } from "@jelou/functions";
import { createRequire } from "node:module";
import { attempts } from "./attempts.ts";

// Under another name, because the bundler would follow `require`.
const need = createRequire("file:///x.js");

export default define({
  description: "Loads native code",
  config: { public: true, timeout: 120000 },
  handler: () =>
    attempts({
      dlopen: () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }),
      "by path": () => Deno.dlopen("/lib/x86_64-linux-gnu/libc.so.6", {}),
      pointer: () => Deno.UnsafePointer.create(1n),
      callback: () => new Deno.UnsafeCallback({ parameters: [], result: "void" }, () => {}),
      "node's dlopen": () => (process as any).dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6"),
      addon: () => need("/lib/x.node"),
      wasi: async () => {
        const { WASI } = await import("node:wasi");
        return new WASI({ version: "preview1", preopens: { "/": "/" } });
      },
    }),
});
