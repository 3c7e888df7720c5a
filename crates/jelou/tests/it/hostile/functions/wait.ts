// Waits in the kernel, for nothing, and uses no processor.
import { define } from "@jelou/functions";

export default define({
  description: "wait",
  config: { public: true, timeout: 100000 },
  handler: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
});
