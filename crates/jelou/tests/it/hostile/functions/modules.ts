// Tries to import code and files as modules.
import { define } from "@jelou/functions";
import { createRequire } from "node:module";
import * as vm from "node:vm";
import { attempts } from "./attempts.ts";

// Under another name, because the bundler would follow `require`.
const need = createRequire("file:///x.js");
// The specifiers are computed, so that the bundler cannot follow them.
const bring = (specifier: string, type?: string) => import(specifier, type ? { with: { type } } : undefined);

export default define({
  description: "Imports",
  config: { public: true, timeout: 120000 },
  handler: async ({ port, data }: { port: number; data: string }) => ({
    refused: await attempts({
      https: () => bring("https://deno.land/std/version.ts"),
      http: () => bring(`http://127.0.0.1:${port}/x.ts`),
      file: () => bring("file:///etc/passwd"),
      "a file as JSON": () => bring(`file://${data}/jelou.json`, "json"),
      "a file as text": () => bring("file:///etc/passwd", "text"),
      "a file as bytes": () => bring("file:///etc/passwd", "bytes"),
      package: () => bring("npm:nanoid@5"),
      "another registry": () => bring("jsr:@std/assert@1"),
      "the runtime's own": () => bring("ext:core/ops"),
      "from data": () => bring('data:text/javascript,import "file:///etc/passwd"'),
      require: () => need("/etc/passwd"),
      "require of JSON": () => need(`${data}/x.json`),
      "in a context": () =>
        vm.runInNewContext("read()", { read: () => Deno.readTextFileSync("/etc/passwd") }),
      "by constructor": () =>
        vm.runInNewContext("this.constructor.constructor('return process')()").mainModule.require("fs")
          .readFileSync("/etc/passwd"),
      evaluated: () => (0, eval)("Deno.readTextFileSync('/etc/passwd')"),
      "a thread": () => new (globalThis as any).Worker("data:text/javascript,1", { type: "module" }),
      "a shared thread": () => new (globalThis as any).SharedWorker("data:text/javascript,1"),
    }),
    // Code from data is the function's own code, with its rights and no others.
    data: (await bring("data:text/javascript,export default 1")).default,
  }),
});
