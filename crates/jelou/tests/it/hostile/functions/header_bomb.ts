// Answers with an endless head.
import { define } from "@jelou/functions";

export default define({
  description: "header_bomb",
  config: { public: true },
  handler: () => new Response("x", { headers: { "x-large": "x".repeat(1_000_000) } }),
});
