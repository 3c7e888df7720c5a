// Opens connections until there are no more file descriptors, and uses all that become free for a while.
import { define } from "@jelou/functions";

const HOLD_MS = 5000;
let time = 0;

export default define({
  description: "file_flood",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    time += 1;
    const path = import.meta.dirname!.replace(/\/function$/, "/e/sock");
    const all: Deno.UnixConn[] = [];
    let refusal = "none";
    let since = Infinity;
    while (all.length < 100_000 && Date.now() < since + HOLD_MS) {
      try {
        all.push(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        refusal = (error as Error).message;
        since = Math.min(since, Date.now());
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
    for (const connection of all) connection.close();
    return { time, opened: all.length, refusal };
  },
});
