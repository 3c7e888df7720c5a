import { Hono } from "hono";

type Env = { Bindings: { SALUDO?: string } };

const app = new Hono<Env>();

app.get("/", (c) => c.text(c.env.SALUDO ?? "Hola"));

app.get("/pedidos/:numero", (c) => {
  const numero = c.req.param("numero");
  return c.json({ numero, estado: "en camino" });
});

app.post("/webhooks/pagos", async (c) => {
  const { pedido } = await c.req.json();
  // Runs after the response. The process is kept until it has ended.
  c.executionCtx.waitUntil(notify(pedido));
  return c.json({ recibido: pedido }, 202);
});

async function notify(pedido: string): Promise<void> {
  await Promise.resolve();
  console.log("Pago recibido", pedido);
}

export default app;
