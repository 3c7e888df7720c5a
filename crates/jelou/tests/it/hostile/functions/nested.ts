// Makes its attempts from a thread, and from a thread of that thread.
import { define } from "@jelou/functions";
import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";

const REACH = `
  const { parentPort, Worker, workerData } = require("node:worker_threads");
  const ways = {
    read: () => Deno.readTextFileSync("/etc/passwd"),
    "node:fs": () => require("node:fs").readFileSync("/etc/passwd", "utf8"),
    "its sockets": () => [...Deno.readDirSync("../w")],
    write: () => Deno.writeTextFileSync("./file", "x"),
    environment: () => Deno.env.get("PATH"),
    program: () => new Deno.Command("/bin/true").outputSync(),
    "native code": () => Deno.dlopen("libc.so.6", {}),
    loopback: () => Deno.connect({ hostname: "127.0.0.1", port: workerData.port }),
    listen: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
    "another's socket": () => Deno.connect({ transport: "unix", path: workerData.socket }),
  };
  (async () => {
    const outcomes = {};
    for (const [name, way] of Object.entries(ways)) {
      try {
        outcomes[workerData.depth + ": " + name] = "GOT " + typeof (await way());
      } catch (error) {
        outcomes[workerData.depth + ": " + name] = error.name + ": " + error.message;
      }
    }
    if (workerData.depth === 2) return parentPort.postMessage(outcomes);
    const inner = new Worker(workerData.code, { eval: true, workerData: { ...workerData, depth: 2 } });
    inner.on("message", (more) => parentPort.postMessage({ ...outcomes, ...more }));
    inner.on("error", (error) => parentPort.postMessage({ ...outcomes, "2": error.name + ": " + error.message }));
  })();
`;

// Bypasses the block of `Worker`.
Object.setPrototypeOf(Worker, EventEmitter);

export default define({
  description: "Reaches from threads",
  config: { public: true, timeout: 100000 },
  handler: ({ port }: { port: number }) =>
    new Promise<Record<string, string>>((resolve, reject) => {
      const workerData = {
        port,
        socket: import.meta.dirname!.replace(/\/function$/, "/w/sock"),
        code: REACH,
        depth: 1,
      };
      const thread = new Worker(REACH, { eval: true, workerData });
      thread.on("message", (outcomes) => resolve(outcomes as Record<string, string>));
      thread.on("error", reject);
    }),
});
