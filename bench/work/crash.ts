import { define } from "@jelou/functions";

export default define({
  description: "Ends its process",
  handler: () => Deno.exit(1),
});
