import { app, define, response, z } from "@jelou/functions";

/** Price in dollars per kilogram. */
const RATES: Record<string, number> = { costa: 1.5, sierra: 2, galapagos: 6 };

export default app({
  description: "Cotiza envíos y da las tarifas por zona",
  config: { timeout: 5_000 },
  tools: {
    // The path is the key in kebab-case: /cotizar-envio.
    cotizarEnvio: define({
      description: "Calcula el precio de un envío",
      input: z.object({
        zona: z.enum(["costa", "sierra", "galapagos"]),
        kilos: z.number().positive().max(50),
      }),
      config: { methods: ["POST"] },
      handler: ({ zona, kilos }) => ({ dolares: RATES[zona] * kilos }),
    }),
    verTarifa: define({
      description: "Da la tarifa de una zona",
      config: { path: "/zonas/:zona", methods: ["GET"] },
      handler: (_input, ctx) => {
        const { zona } = ctx.params;
        if (!Object.hasOwn(RATES, zona)) {
          return response.status(404).json({
            error: `No hay envíos a ${zona}`,
          });
        }
        return { zona, dolaresPorKilo: RATES[zona] };
      },
    }),
  },
});
