// Searches for secrets in the environment, and for the name of the machine.
import { define } from "@jelou/functions";
import * as os from "node:os";
import nodeProcess from "node:process";
import { attempts } from "./attempts.ts";

export default define({
  description: "Looks around",
  config: { public: true, timeout: 120000 },
  handler: async () => ({
    process: [process.env, nodeProcess.env],
    told: await attempts({
      one: () => Deno.env.get("PATH"),
      all: () => Deno.env.toObject(),
      set: () => Deno.env.set("PATH", "/evil"),
      unset: () => Deno.env.delete("PATH"),
      "host name": () => Deno.hostname(),
      "node:os host name": () => os.hostname(),
      users: () => os.userInfo(),
      interfaces: () => os.networkInterfaces(),
      "Deno's interfaces": () => Deno.networkInterfaces(),
      processors: () => os.cpus(),
      kernel: () => Deno.osRelease(),
      load: () => Deno.loadavg(),
      memory: () => Deno.systemMemoryInfo(),
      user: () => Deno.uid(),
      report: () => (nodeProcess as any).report.getReport().header.host,
    }),
  }),
});
