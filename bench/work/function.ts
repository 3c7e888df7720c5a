import { define, z } from "@jelou/functions";

export default define({
  description: "Greets a phone number",
  input: z.object({ telefono: z.string().min(7) }),
  handler: ({ telefono }) => ({ mensaje: `Hola, ${telefono}` }),
});
