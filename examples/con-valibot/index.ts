import { define } from "@jelou/functions";
import * as v from "valibot";

export default define({
  description: "Registra a un cliente, con un esquema de Valibot",
  input: v.object({
    correo: v.pipe(v.string(), v.email("El correo no es válido")),
    edad: v.optional(v.pipe(v.number(), v.minValue(18, "Debe tener 18 años"))),
  }),
  config: { methods: ["POST"] },
  handler: (input) => ({ registrado: input.correo.toLowerCase() }),
});
