import { z } from "functions.js";

const input = z.object({ telefono: z.string().min(7) });
const tokens = new Map([["{token}", true]]);

export default {
  async fetch(request) {
    if (!tokens.has(request.headers.get("x-jelou-token"))) {
      return Response.json({ error: "Unauthorized" }, { status: 401 });
    }
    const parsed = input.safeParse(await request.json());
    if (!parsed.success) {
      return Response.json({ error: "Validation failed" }, { status: 400 });
    }
    return Response.json({ mensaje: `Hola, ${parsed.data.telefono}` });
  },
};
