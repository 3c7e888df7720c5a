// Opens connections, and keeps them, until there are no more to be had.
import { define } from "@jelou/functions";

export default define({
  description: "file_flood",
  config: { public: true, timeout: 20000 },
  handler: async () => {
    const path = Deno.args[0]!.replace(/\/w\/sock$/, "/e/sock");
    const all: unknown[] = [];
    let refusal = "none";
    while (all.length < 100_000 && refusal === "none") {
      try {
        all.push(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        refusal = (error as Error).message;
      }
    }
    // For whoever looks from outside.
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { opened: all.length, refusal };
  },
});
