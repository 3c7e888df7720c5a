// Never lets anything but its own ticks run.
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
