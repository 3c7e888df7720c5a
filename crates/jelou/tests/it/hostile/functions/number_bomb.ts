// Computes a number that does not fit into memory.
import { define } from "@jelou/functions";

export default define({
  description: "number_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => String(2n ** (2n ** 29n) * 3n ** (2n ** 27n)).length,
});
