import { define, z } from "@jelou/functions";

export default define({
  description: "Saluda al número de teléfono que recibe",
  input: z.object({
    telefono: z.string().min(7).describe("Con código de país y sin el signo +"),
  }),
  config: { methods: ["POST"] },
  handler: async (input, ctx) => {
    ctx.log("Buscando cliente", { telefono: input.telefono });
    return { mensaje: `Hola, ${input.telefono}` };
  },
});
