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
      },
    ],
  },
  handler: (_input, ctx) => {
    ctx.log("Preparando el reporte", { origen: ctx.trigger.type });
    return { reporte: "listo", origen: ctx.trigger.type };
  },
});
