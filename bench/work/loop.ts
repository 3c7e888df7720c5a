import { define } from "@jelou/functions";

export default define({
  description: "Never ends",
  handler: () => {
    while (true);
  },
});
