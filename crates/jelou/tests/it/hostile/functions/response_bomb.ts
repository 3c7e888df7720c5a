// Answers with a body over the limit.
import { define } from "@jelou/functions";

export default define({
  description: "response_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => new Response(new Uint8Array(2_000_000_000).fill(120)),
});
