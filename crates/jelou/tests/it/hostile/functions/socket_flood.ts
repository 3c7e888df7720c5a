// Opens connections without end, and keeps them.
import { define } from "@jelou/functions";

export default define({
  description: "socket_flood",
  config: { public: true, timeout: 100000 },
  handler: async (_input, ctx) => {
    const errors = new Set<string>();
    const opened: unknown[] = [];
    const client = Deno.createHttpClient({
      proxy: { transport: "unix", path: import.meta.dirname!.replace(/\/function$/, "/e/sock") },
      poolMaxIdlePerHost: 100_000,
    });
    const one = async (number: number) => {
      try {
        const answer = await fetch("http://well.fn.localhost/", {
          client,
          signal: AbortSignal.timeout(3000),
        });
        opened.push(answer.status);
        await answer.body?.cancel();
      } catch (error) {
        errors.add((error as Error).name);
      }
    };
    await Promise.all(Array.from({ length: 3000 }, (_, number) => one(number)));
    ctx.log("opened", opened.length);
    return { opened: opened.length > 0, errors: [...errors] };
  },
});
