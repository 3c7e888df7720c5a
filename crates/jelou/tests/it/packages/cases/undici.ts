// packages: undici@7.30.2
// kind: HTTP clients
// shows: a request over a pool of connections
// input: {"nombre":"Ana"}
// answer: {"status":200,"method":"POST","body":"{\"nombre\":\"Ana\"}"}
import { Pool } from "undici";
import { define } from "@jelou/functions";

const pool = new Pool("https://peer.fn.localhost", { connections: 2 });

export default define({
  description: "A request by undici",
  handler: async (input) => {
    const { statusCode, body } = await pool.request({
      path: "/alta",
      method: "POST",
      body: JSON.stringify(input),
    });
    // deno-lint-ignore no-explicit-any
    const seen = await body.json() as any;
    return { status: statusCode, method: seen.method, body: seen.body };
  },
});
