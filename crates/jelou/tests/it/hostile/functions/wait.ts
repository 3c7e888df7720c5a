// Blocks the event loop in the kernel, without CPU time.
import { define } from "@jelou/functions";

export default define({
  description: "wait",
  config: { public: true, timeout: 100000 },
  handler: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
});
