// packages: ky@1.14.3
// kind: HTTP clients
// shows: a JSON request with a query, and an error status
// input: {"nombre":"Ana"}
// answer: {"method":"PATCH","path":"/alta?pagina=2","body":"{\"nombre\":\"Ana\"}","refused":404}
import ky, { HTTPError } from "ky";
import { define } from "@jelou/functions";

const client = ky.create({ prefixUrl: "https://peer.fn.localhost", retry: 0 });

export default define({
  description: "A request by ky",
  handler: async (input) => {
    // deno-lint-ignore no-explicit-any
    const seen: any = await client.patch("alta", { json: input, searchParams: { pagina: 2 } }).json();
    const refused = await client.get("missing").catch((error: HTTPError) => error.response.status);
    return { method: seen.method, path: seen.path, body: seen.body, refused };
  },
});
