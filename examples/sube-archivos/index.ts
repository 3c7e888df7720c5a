import { app, define, response } from "@jelou/functions";

export default app({
  description: "Recibe archivos, en un formulario o solos",
  // MCP clients send JSON and cannot send files.
  config: { methods: ["POST"], mcp: false },
  tools: {
    formulario: define({
      description: "Un formulario (multipart) con un archivo y una nota",
      handler: async (_input, _ctx, request) => {
        const form = await request.formData();
        const file = form.get("archivo");
        if (!(file instanceof File)) {
          return response.status(400).json({ error: "Falta el archivo" });
        }
        return {
          nota: form.get("nota"),
          nombre: file.name,
          tipo: file.type,
          bytes: file.size,
        };
      },
    }),
    binario: define({
      description: "Un archivo solo, leído por partes",
      handler: async (_input, _ctx, request) => {
        let bytes = 0;
        for await (const part of request.body ?? []) bytes += part.length;
        return { tipo: request.headers.get("Content-Type"), bytes };
      },
    }),
  },
});
