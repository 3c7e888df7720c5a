// Tries to append a second answer to its first one.
import { define } from "@jelou/functions";

export default define({
  description: "splits",
  config: { public: true },
  handler: () => {
    const refused: string[] = [];
    for (
      const [name, value] of [["x-a", "b\r\n\r\nHTTP/1.1 200 OK"], ["x-a\r\nset-cookie", "b"], ["x-a", "b\0"]]
    ) {
      try {
        new Response("x", { headers: { [name!]: value! } });
      } catch (error) {
        refused.push((error as Error).name);
      }
    }
    return { refused };
  },
});
