// Fills the heap.
import { define } from "@jelou/functions";

export default define({
  description: "heap_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const all: unknown[] = [];
    while (true) all.push({ number: all.length, list: new Array(100).fill(all.length) });
  },
});
