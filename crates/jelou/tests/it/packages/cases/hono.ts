// packages: hono@4.13.19
// kind: Frameworks
// shows: an application with middleware, exported as it is
// input: {"nombre":"Ana"}
// answer: {"saludo":"Hola, Ana","passed":true}
// short: true
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";

const app = new Hono<{ Variables: { passed: boolean } }>();
app.use(createMiddleware(async (context, next) => {
  context.set("passed", true);
  await next();
}));
app.post("/", async (context) => {
  const { nombre } = await context.req.json();
  return context.json({ saludo: `Hola, ${nombre}`, passed: context.get("passed") });
});

export default app;
