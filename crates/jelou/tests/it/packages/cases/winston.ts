// packages: winston@3.19.0
// kind: Logging
// shows: a line in JSON, to the console and to a stream
// input: {"pedido":7}
// answer: {"level":"warn","message":"hola","pedido":7,"servicio":"tienda"}
import { PassThrough } from "node:stream";
import winston from "winston";
import { define } from "@jelou/functions";

const stream = new PassThrough();
const logger = winston.createLogger({
  format: winston.format.json(),
  defaultMeta: { servicio: "tienda" },
  transports: [new winston.transports.Console(), new winston.transports.Stream({ stream })],
});

export default define({
  description: "A line by Winston",
  handler: async (input) => {
    logger.warn("hola", input as object);
    const [line] = await new Promise<Uint8Array[]>((done) => stream.once("data", (data) => done([data])));
    return JSON.parse(String(line));
  },
});
