// Bypasses the block of `Worker`, and starts threads without end.
import { define } from "@jelou/functions";

export default define({
  description: "threads",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const { Worker } = await import("node:worker_threads");
    const { EventEmitter } = await import("node:events");
    Object.setPrototypeOf(Worker, EventEmitter);
    const all: unknown[] = [];
    for (let count = 0; count < 1000; count++) all.push(new Worker("while (true);", { eval: true }));
    return all.length;
  },
});
