// Sets timers without end.
import { define } from "@jelou/functions";

export default define({
  description: "timer_flood",
  config: { public: true, timeout: 100000 },
  handler: () =>
    new Promise(() => {
      const more = () => {
        for (let count = 0; count < 1000; count++) setTimeout(more, 0);
      };
      more();
    }),
});
