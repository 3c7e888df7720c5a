// A plain Node server with the token check and Zod.
import { createServer } from "node:http";
import { z } from "../../sdk/dist/functions.js";

const [port, token] = process.argv.slice(2);
const input = z.object({ telefono: z.string().min(7) });
const tokens = new Map([[token, true]]);

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

createServer((request, response) => {
  if (!tokens.has(request.headers["x-jelou-token"])) {
    request.resume();
    answer(response, 401, { error: "Unauthorized" });
    return;
  }
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const parsed = input.safeParse(
      JSON.parse(Buffer.concat(chunks).toString()),
    );
    if (parsed.success) {
      answer(response, 200, { mensaje: `Hola, ${parsed.data.telefono}` });
    } else answer(response, 400, { error: "Validation failed" });
  });
}).listen(Number(port), "127.0.0.1");
