// packages: fastify@5.12.8
// kind: Frameworks
// shows: an application that listens, with a schema
// input: {"nombre":"Ana"}
// answer: {"saludo":"Hola, Ana"}
import Fastify from "fastify";

const app = Fastify({ logger: false });
const body = { type: "object", required: ["nombre"], properties: { nombre: { type: "string" } } };
app.post("/", { schema: { body } }, async (request) => {
  const { nombre } = request.body as { nombre: string };
  return { saludo: `Hola, ${nombre}` };
});
await app.listen({ port: 3000 });
