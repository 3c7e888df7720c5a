// packages: pino@10.4.0
// kind: Logging
// shows: a line in JSON, without a thread
// input: {"pedido":7}
// answer: {"level":30,"pedido":7,"key":"[Redacted]","msg":"hola"}
// short: true
import pino from "pino";
import { define } from "@jelou/functions";

let line = "";
const options = { redact: ["key"], base: null };
const captured = pino(options, { write: (text: string) => void (line = text) });
const logger = pino();

export default define({
  description: "A line by Pino",
  handler: (input) => {
    logger.info({ pedido: 7 }, "to standard output");
    captured.info({ ...input as object, key: "secret" }, "hola");
    const { time: _, ...rest } = JSON.parse(line);
    return rest;
  },
});
