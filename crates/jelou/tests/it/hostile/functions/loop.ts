// Never yields.
import { define } from "@jelou/functions";

export default define({
  description: "loop",
  config: { public: true, timeout: 100000 },
  handler: () => {
    while (true);
  },
});
