// Loops inside a built-in function.
import { define } from "@jelou/functions";

export default define({
  description: "sort_loop",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const endless = { [Symbol.iterator]: () => ({ next: () => ({ done: false, value: 1 }) }) };
    return new Set(endless).size + Math.max(...(endless as any));
  },
});
