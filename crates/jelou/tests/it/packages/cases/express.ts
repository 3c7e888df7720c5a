// packages: express@5.3.0
// kind: Frameworks
// shows: an application that listens
// input: {"nombre":"Ana"}
// answer: {"saludo":"Hola, Ana","ip":"string"}
import express from "express";

const app = express();
app.use(express.json());
app.post("/", (request, response) => {
  response.json({ saludo: `Hola, ${request.body.nombre}`, ip: typeof request.headers.host });
});
app.listen(3000);
