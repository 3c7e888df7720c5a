// Never answers.
import { define } from "@jelou/functions";

export default define({
  description: "never",
  config: { public: true, timeout: 300 },
  handler: () => new Promise(() => {}),
});
