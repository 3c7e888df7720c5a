// Fills memory of the runtime, outside of V8.
import { define } from "@jelou/functions";

export default define({
  description: "blob_bomb",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const all: Blob[] = [];
    while (true) {
      all.push(new Blob([new Uint8Array(8_000_000).fill(1)]));
      await all.at(-1)!.slice(0, 1).text();
    }
  },
});
