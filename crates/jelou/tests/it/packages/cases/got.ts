// packages: got@14.6.6
// kind: HTTP clients
// shows: a JSON request with a query
// input: {"nombre":"Ana"}
// answer: {"method":"PUT","path":"/alta?pagina=2","body":"{\"nombre\":\"Ana\"}"}
import got from "got";
import { define } from "@jelou/functions";

export default define({
  description: "A request by got",
  handler: async (input) => {
    const options = { json: input, searchParams: { pagina: 2 } };
    // deno-lint-ignore no-explicit-any
    const seen: any = await got.put("https://peer.fn.localhost/alta", options).json();
    return { method: seen.method, path: seen.path, body: seen.body };
  },
});
