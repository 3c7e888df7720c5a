// Returns its data about the caller.
import { define } from "@jelou/functions";

export default define({
  description: "Mirror",
  config: { public: true },
  handler: (_input, ctx, request) => ({
    trigger: ctx.trigger,
    user: ctx.user ?? null,
    params: ctx.params,
    genuine: /^[0-9a-f-]{36}$/.test(ctx.requestId),
    headers: [...request.headers.keys()].filter((name) => name.startsWith("x-jelou-")),
    forwarded: [request.headers.get("x-forwarded-for"), request.headers.get("forwarded")],
    url: new URL(request.url).hostname,
  }),
});
