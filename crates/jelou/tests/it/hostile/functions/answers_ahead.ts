// Takes over the connection of the engine's heartbeats, answers in advance, and then blocks the event loop.
import { define } from "@jelou/functions";

export default define({
  description: "answers_ahead",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const path = import.meta.dirname!.replace(/\/function$/, "/e/sock");
    const connection = await Deno.connect({ transport: "unix", path });
    const prototype = Object.getPrototypeOf(Object.getPrototypeOf(connection));
    const { read, write } = prototype;
    await new Promise<void>((resolve) => {
      prototype.read = function (buffer: Uint8Array) {
        // The engine's heartbeats are short.
        if (buffer.length > 64) return read.call(this, buffer);
        write.call(this, new Uint8Array(65536));
        resolve();
        return new Promise(() => {});
      };
    });
    while (true);
  },
});
