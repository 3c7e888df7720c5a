// Tries to abort its process.
import { define } from "@jelou/functions";

export default define({
  description: "aborts",
  config: { public: true },
  handler: () => (process as any).abort(),
});
