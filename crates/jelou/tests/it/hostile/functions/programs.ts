// Starts programs.
import { define } from "@jelou/functions";
import * as child from "node:child_process";
import cluster from "node:cluster";
import { attempts, first } from "./attempts.ts";

export default define({
  description: "Starts programs",
  config: { public: true, timeout: 120000 },
  handler: () =>
    attempts({
      output: () => new Deno.Command("/bin/sh", { args: ["-c", "/usr/bin/id"] }).output(),
      "output at once": () => new Deno.Command("/bin/sh").outputSync(),
      spawn: () => new Deno.Command("/bin/sh").spawn(),
      itself: () => new Deno.Command("/proc/self/exe", { args: ["eval", "1"] }).output(),
      run: () => (Deno as any).run({ cmd: ["/bin/sh"] }),
      exec: () =>
        new Promise((ok, no) => child.exec("/usr/bin/id", (error, text) => error ? no(error) : ok(text))),
      execSync: () => child.execSync("/usr/bin/id"),
      execFileSync: () => child.execFileSync("/bin/sh", ["-c", "/usr/bin/id"]),
      "node's spawn": () => first(child.spawn("/usr/bin/id"), "exit"),
      spawnSync: () => {
        const { error, stdout, status } = child.spawnSync("/usr/bin/id");
        if (error || status !== 0) throw error ?? new Error("not started");
        return stdout;
      },
      fork: () => first(child.fork("/tmp/x.js"), "exit"),
      cluster: () => first(cluster.fork(), "online"),
    }),
});
