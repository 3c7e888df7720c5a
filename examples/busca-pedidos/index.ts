import { define, response, z } from "@jelou/functions";

const Order = z.object({
  estado: z.enum(["preparando", "en_camino", "entregado"]),
  entrega: z.string().nullable().describe(
    "Fecha estimada, como 2026-04-07; null si ya fue entregado",
  ),
});

/** In place of a database. */
const ORDERS = new Map<string, z.infer<typeof Order>>([
  ["P-1042", { estado: "en_camino", entrega: "2026-04-07" }],
  ["P-1043", { estado: "entregado", entrega: null }],
]);

export default define({
  name: "buscar_pedido",
  // The model that chooses a tool reads this: what the tool does, when to use it, and what it does not do.
  description:
    "Busca un pedido por su número y devuelve su estado y su fecha de entrega. " +
    "Úsala cuando el cliente pregunte dónde está su pedido o cuándo llega. " +
    "No cambia ni cancela pedidos.",
  annotations: {
    title: "Buscar un pedido",
    readOnlyHint: true,
    idempotentHint: true,
    openWorldHint: false,
  },
  input: z.object({
    numero: z.string().regex(/^P-\d{4}$/, "Debe ser como P-1042").describe(
      "Número del pedido, como P-1042. El cliente lo encuentra en su factura; pídeselo si no lo ha dado.",
    ),
  }),
  output: Order,
  config: { methods: ["POST"] },
  handler: ({ numero }) => {
    const order = ORDERS.get(numero);
    // Say in the error what to do next, so that a model can act on it.
    if (order === undefined) {
      return response.status(404).json({
        error:
          `No existe el pedido ${numero}. Pide al cliente que revise su factura.`,
      });
    }
    return order;
  },
});
