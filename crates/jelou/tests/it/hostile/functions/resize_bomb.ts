// Grows a buffer in place.
import { define } from "@jelou/functions";

export default define({
  description: "resize_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const buffer = new ArrayBuffer(0, { maxByteLength: 2 ** 30 });
    for (let size = 0;; size += 2 ** 23) {
      buffer.resize(size);
      new Uint8Array(buffer).fill(1);
    }
  },
});
