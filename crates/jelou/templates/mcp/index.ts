import { app, define, response, z } from "@jelou/functions";

const numero = z.string().regex(/^P-\d{4}$/, "Debe ser como P-1042").describe(
  "Número del pedido, como P-1042",
);

/** Stands for a database. */
const PEDIDOS = new Map([["P-1042", "en camino"]]);

export default app({
  description: "Herramientas de pedidos para un agente",
  tools: {
    // Helps a model to choose the tool: what it does, and when to use it.
    buscarPedido: define({
      description:
        "Devuelve el estado de un pedido. Úsala cuando el cliente pregunte dónde está su pedido.",
      annotations: { title: "Buscar un pedido", readOnlyHint: true },
      input: z.object({ numero }),
      handler: ({ numero }) => {
        const estado = PEDIDOS.get(numero);
        if (estado === undefined) {
          return response.status(404).json({
            error: `No existe el pedido ${numero}. Pide el número otra vez.`,
          });
        }
        return { estado };
      },
    }),
    cancelarPedido: define({
      description:
        "Cancela un pedido que no ha llegado. Confirma antes con el cliente.",
      annotations: { title: "Cancelar un pedido", destructiveHint: true },
      input: z.object({ numero }),
      handler: ({ numero }) => ({ cancelado: PEDIDOS.delete(numero) }),
    }),
  },
});
