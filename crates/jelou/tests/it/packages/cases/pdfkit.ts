// packages: pdfkit@0.20.2
// kind: Documents
// shows: a PDF with a font that the package reads beside its modules
// input: {"texto":"Factura 7"}
// answer: {"starts":"%PDF-1.3","isLong":true}
import PDF from "pdfkit";
import { define, z } from "@jelou/functions";

export default define({
  description: "A PDF by pdfkit",
  input: z.object({ texto: z.string() }),
  handler: async ({ texto }) => {
    const pdf = new PDF();
    pdf.font("Times-Roman").text(texto).end();
    const parts: Uint8Array[] = [];
    for await (const part of pdf) parts.push(part as Uint8Array);
    const bytes = Buffer.concat(parts);
    return { starts: bytes.subarray(0, 8).toString(), isLong: bytes.length > 500 };
  },
});
