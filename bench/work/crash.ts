import { define } from "@jelou/functions";

export default define({
  description: "Ends its process: the heap is full at once",
  handler: () => structuredClone(new Array(30_000_000)),
});
