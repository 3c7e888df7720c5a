// Tries to use the runtime's internal functions, more permissions, and other processes.
import { define } from "@jelou/functions";
import { attempts } from "./attempts.ts";

export default define({
  description: "Reaches inside",
  config: { public: true, timeout: 120000 },
  handler: async ({ server, worker }: { server: number; worker: number }) => {
    const deno = Deno as any;
    const granted = (await Promise.all(
      ["read", "write", "env", "run", "ffi", "sys", "import"].map((name) =>
        Deno.permissions.request({ name } as Deno.PermissionDescriptor)
      ),
    )).filter((status) => status.state === "granted");
    return {
      granted,
      hidden: [
        deno.internal,
        deno.core,
        ...Object.getOwnPropertySymbols(deno).map((symbol) => deno[symbol]?.core),
        (navigator as any).gpu,
        (globalThis as any).__bootstrap,
      ].filter((value) => value !== undefined && value !== null).length,
      stdin: await Deno.stdin.read(new Uint8Array(8)),
      refused: await attempts({
        "kill the server": () => Deno.kill(server, "SIGKILL"),
        "kill its parent": () => Deno.kill(Deno.ppid, "SIGTERM"),
        "kill another": () => Deno.kill(worker, "SIGKILL"),
        "kill all": () => process.kill(-1, "SIGKILL"),
        "look at another": () => process.kill(worker, 0),
        "stop itself": () => process.kill(process.pid, "SIGSTOP"),
        inspector: async () => (await import("node:inspector")).open(0, "127.0.0.1"),
        "a heap dump": async () => (await import("node:v8")).writeHeapSnapshot(),
        "native syntax": async () => {
          (await import("node:v8")).setFlagsFromString("--allow-natives-syntax");
          return (0, eval)("%SystemBreak");
        },
      }),
    };
  },
});
