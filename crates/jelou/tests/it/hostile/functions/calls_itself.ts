// Calls itself from a timer, after its answer.
import { define } from "@jelou/functions";

export default define({
  description: "calls_itself",
  config: { public: true },
  handler: async (_input, ctx, request) => {
    const again = () => fetch(request.url, { method: "POST", body: "{}" });
    setTimeout(
      () => again().then(async (answer) => ctx.log("timer", answer.status, await answer.text()), () => {}),
      0,
    );
    return "answered";
  },
});
