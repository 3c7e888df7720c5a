// Recurses without end.
import { define } from "@jelou/functions";

export default define({
  description: "recursion",
  config: { public: true },
  handler: () => {
    const down = (): number => down() + 1;
    return down();
  },
});
