// packages: axios@1.21.1
// kind: HTTP clients
// shows: a JSON request with a query and an interceptor
// input: {"nombre":"Ana"}
// answer: {"method":"POST","path":"/alta?pagina=2","body":"{\"nombre\":\"Ana\"}","intercepted":true}
// short: true
import axios from "axios";
import { define } from "@jelou/functions";

const client = axios.create({ baseURL: "https://peer.fn.localhost", timeout: 10_000 });
let intercepted = false;
client.interceptors.request.use((config) => {
  intercepted = true;
  return config;
});

export default define({
  description: "A request by axios",
  handler: async (input) => {
    const { data } = await client.post("/alta", input, { params: { pagina: 2 } });
    return { method: data.method, path: data.path, body: data.body, intercepted };
  },
});
