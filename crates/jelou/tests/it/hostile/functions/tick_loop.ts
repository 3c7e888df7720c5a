// Blocks the event loop with `process.nextTick`.
import { define } from "@jelou/functions";

export default define({
  description: "tick_loop",
  config: { public: true, timeout: 100000 },
  handler: () =>
    new Promise(() => {
      const again = () => process.nextTick(again);
      again();
    }),
});
