/**
 * A plain Deno server that does all the work itself, including the token check. If its argument is a unix socket, it
 * runs behind nginx or HAProxy, which check the token.
 */
import { z } from "../../sdk/dist/functions.js";

const [address, token] = Deno.args;
const input = z.object({ telefono: z.string().min(7) });
const tokens = new Map(token ? [[token, true]] : []);

async function call(request: Request): Promise<Response> {
  const parsed = input.safeParse(await request.json());
  if (!parsed.success) {
    return Response.json({ error: "Validation failed" }, { status: 400 });
  }
  return Response.json({ mensaje: `Hola, ${parsed.data.telefono}` });
}

function checked(request: Request): Response | Promise<Response> {
  const given = request.headers.get("x-jelou-token");
  if (given === null || !tokens.has(given)) {
    return Response.json({ error: "Unauthorized" }, { status: 401 });
  }
  return call(request);
}

if (address.startsWith("/")) {
  Deno.serve({ path: address, transport: "unix" }, call);
} else Deno.serve({ hostname: "127.0.0.1", port: Number(address) }, checked);
