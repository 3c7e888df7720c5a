// Tries to end its process.
import { define } from "@jelou/functions";

export default define({
  description: "exits",
  config: { public: true },
  handler: () => Deno.exit(0),
});
