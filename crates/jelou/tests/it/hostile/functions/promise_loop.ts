// Blocks the event loop with promises.
import { define } from "@jelou/functions";

export default define({
  description: "promise_loop",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    while (true) await null;
  },
});
