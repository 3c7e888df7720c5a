// Fills memory outside of V8's heap.
import { define } from "@jelou/functions";

export default define({
  description: "array_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const all: Uint8Array[] = [];
    while (true) all.push(new Uint8Array(8_000_000).fill(1));
  },
});
