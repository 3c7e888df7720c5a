// Grows the memory of WebAssembly.
import { define } from "@jelou/functions";

export default define({
  description: "wasm_bomb",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    while (true) {
      memory.grow(128);
      new Uint8Array(memory.buffer).fill(1);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  },
});
