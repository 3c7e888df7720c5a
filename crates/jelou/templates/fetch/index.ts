interface Env {
  SALUDO?: string;
}

interface Context {
  waitUntil(work: Promise<unknown>): void;
}

export default {
  async fetch(request: Request, env: Env, ctx: Context): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname === "/eco") {
      return Response.json({ eco: await request.json() });
    }
    if (pathname !== "/") {
      return Response.json({ error: "No existe" }, { status: 404 });
    }
    // Runs after the response.
    ctx.waitUntil(register(pathname));
    return new Response(env.SALUDO ?? "Hola");
  },
};

async function register(path: string): Promise<void> {
  await Promise.resolve();
  console.log("Visita", path);
}
