// Fills shared memory.
import { define } from "@jelou/functions";

export default define({
  description: "shared_bomb",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const all: SharedArrayBuffer[] = [];
    while (true) {
      all.push(new SharedArrayBuffer(8_000_000));
      new Uint8Array(all.at(-1)!).fill(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
});
