// packages: uuid@14.0.3
// kind: Cryptography
// shows: an id of a name, and random ones
// input: {"nombre":"tienda.example.com"}
// answer: {"named":"d37a69f4-08b9-5218-b00a-a39c457c76fe","random":4,"ordered":true}
import { v4, v5, v7, version } from "uuid";
import { define, z } from "@jelou/functions";

export default define({
  description: "Ids by uuid",
  input: z.object({ nombre: z.string() }),
  handler: ({ nombre }) => ({ named: v5(nombre, v5.DNS), random: version(v4()), ordered: v7() < v7() }),
});
