import { app, define, response, z } from "@jelou/functions";

export default app({
  description: "Respuestas que llegan a medida que se producen",
  config: { methods: ["GET"], mcp: false },
  tools: {
    cuenta: define({
      description: "Cuenta hacia atrás, con un evento (SSE) por número",
      input: z.object({
        desde: z.coerce.number().int().min(1).max(100).default(3),
        pausa: z.coerce.number().int().min(0).max(60_000).default(1_000)
          .describe("Milisegundos entre eventos"),
      }),
      handler: ({ desde, pausa }) =>
        new Response(toBytes(countdown(desde, pausa)), {
          headers: {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
          },
        }),
    }),
    informe: define({
      description:
        "Un CSV de cualquier tamaño, que nunca está entero en memoria",
      input: z.object({
        filas: z.coerce.number().int().min(1).max(1_000_000),
      }),
      handler: ({ filas }) =>
        response.stream(toBytes(table(filas)), "text/csv; charset=utf-8"),
    }),
  },
});

async function* countdown(from: number, pause: number) {
  for (let left = from; left > 0; left--) {
    yield `data: ${JSON.stringify({ faltan: left })}\n\n`;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  yield "event: fin\ndata: {}\n\n";
}

function* table(rows: number) {
  yield "numero,cuadrado\n";
  for (let number = 1; number <= rows; number++) {
    yield `${number},${number ** 2}\n`;
  }
}

/** Produces the next piece only after the caller has read the previous one, and stops when the caller disconnects. */
function toBytes(pieces: AsyncIterable<string> | Iterable<string>) {
  return ReadableStream.from(pieces).pipeThrough(new TextEncoderStream());
}
