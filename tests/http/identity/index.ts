/** Returns the identity of the function for the audience in the query. */
import { define } from "@jelou/functions";

export default define({
  description: "Says who it is",
  config: { methods: ["GET"] },
  handler: async (_input, ctx, request) =>
    await ctx.identity(new URL(request.url).searchParams.get("audience") ?? ""),
});
