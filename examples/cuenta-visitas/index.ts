import { define } from "@jelou/functions";

const ONE_HOUR = 3_600;

export default define({
  description:
    "Cuenta las visitas de cada usuario, hasta que pasa una hora sin ninguna",
  config: { methods: ["POST"] },
  handler: async (_input, ctx) => {
    const before = await ctx.memory.getJson<number>("visitas") ?? 0;
    await ctx.memory.setJson("visitas", before + 1, ONE_HOUR);
    return { usuario: ctx.user?.id ?? null, visitas: before + 1 };
  },
});
