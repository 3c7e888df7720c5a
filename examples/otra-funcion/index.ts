import { define, z } from "@jelou/functions";

export default define({
  description: "Devuelve el dato que recibe, en mayúsculas",
  input: z.object({ dato: z.string() }),
  config: { methods: ["POST"] },
  handler: async (input) => {
    return { dato: input.dato.toUpperCase() };
  },
});
