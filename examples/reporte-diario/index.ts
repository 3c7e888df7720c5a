import { define } from "@jelou/functions";

export default define({
  description: "Prepara el reporte del día, cada mañana o cuando se le pide",
  config: {
    methods: ["POST"],
    cron: [
      {
        name: "cada-manana",
        expression: "0 8 * * 1-5",
        timezone: "America/Guayaquil",
        retry: { max: 2, backoff: 30_000 },
        catchUp: "last",
      },
    ],
  },
  handler: (_input, ctx) => {
    // Only the platform starts scheduled runs. Callers cannot imitate one with headers.
    if (ctx.trigger.type === "cron") {
      ctx.log("Corrida programada", { horario: ctx.trigger.cronName });
    }
    return { reporte: "listo", origen: ctx.trigger.type };
  },
});
