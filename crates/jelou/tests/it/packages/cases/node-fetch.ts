// packages: node-fetch@3.3.2
// kind: HTTP clients
// shows: a form as multipart
// input: {"nombre":"Ana"}
// answer: {"ok":true,"method":"POST","type":"multipart/form-data","named":true}
import fetch, { FormData } from "node-fetch";
import { define, z } from "@jelou/functions";

export default define({
  description: "A request by node-fetch",
  input: z.object({ nombre: z.string() }),
  handler: async ({ nombre }) => {
    const form = new FormData();
    form.set("nombre", nombre);
    const response = await fetch("https://peer.fn.localhost/alta", { method: "POST", body: form });
    // deno-lint-ignore no-explicit-any
    const seen = await response.json() as any;
    const [type] = seen.headers["content-type"].split(";");
    return { ok: response.ok, method: seen.method, type, named: seen.body.includes('name="nombre"') };
  },
});
