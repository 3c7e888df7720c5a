// Blocks the event loop with microtasks.
import { define } from "@jelou/functions";

export default define({
  description: "microtask_loop",
  config: { public: true, timeout: 100000 },
  handler: () =>
    new Promise(() => {
      const again = () => queueMicrotask(again);
      again();
    }),
});
