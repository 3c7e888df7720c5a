import { define, z } from "@jelou/functions";
import dayjs from "dayjs";

export default define({
  description: "Suma días a una fecha con un paquete de npm",
  input: z.object({
    fecha: z.string().date().describe("Como 2026-04-07"),
    dias: z.coerce.number().int(),
  }),
  config: { methods: ["GET", "POST"] },
  handler: async (input) => {
    return {
      fecha: dayjs(input.fecha).add(input.dias, "day").format("YYYY-MM-DD"),
    };
  },
});
