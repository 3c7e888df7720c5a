import { define } from "@jelou/functions";

export default define({
  description: "Takes all memory that there is",
  handler: () => {
    const all: Uint8Array[] = [];
    while (true) all.push(new Uint8Array(1_000_000).fill(1));
  },
});
