import { corsHeaders } from "../_shared/cors.ts";

Deno.serve(async (request) => {
  if (request.method === "OPTIONS") {
    return new Response("ok", { headers: corsHeaders });
  }
  const { nombre } = await request.json();
  return Response.json(
    { mensaje: `Hola, ${nombre}` },
    { headers: corsHeaders },
  );
});
