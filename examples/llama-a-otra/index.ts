import { define, z } from "@jelou/functions";

export default define({
  description: "Pasa un valor a otra función y devuelve su respuesta",
  input: z.object({ valor: z.string() }),
  config: { methods: ["POST"] },
  handler: async (input, ctx) => {
    const res = await fetch("https://otra-funcion.fn.localhost", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "X-Jelou-Token": ctx.env.get("OTRA_FUNCION_TOKEN")!,
      },
      body: JSON.stringify({ dato: input.valor }),
    });
    return await res.json();
  },
});
