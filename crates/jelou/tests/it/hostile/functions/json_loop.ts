// Returns a value whose conversion to JSON never ends.
import { define } from "@jelou/functions";

export default define({
  description: "json_loop",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const endless = (): unknown =>
      new Proxy([], { get: (_, key) => key === "length" ? 2 ** 32 : key === "toJSON" ? undefined : 1 });
    return endless();
  },
});
