import { Hono } from "hono";

const app = new Hono();

app.get("/", (c) => c.text("Hola"));

app.get("/pedidos/:id", (c) => c.json({ pedido: c.req.param("id") }));

app.post("/pedidos", async (c) => {
  const pedido = await c.req.json();
  return c.json({ recibido: pedido }, 201);
});

export default app;
