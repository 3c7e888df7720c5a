// Matches a pattern with catastrophic backtracking.
import { define } from "@jelou/functions";

export default define({
  description: "regexp",
  config: { public: true, timeout: 100000 },
  handler: () => /^(a+)+$/.test("a".repeat(50) + "b"),
});
