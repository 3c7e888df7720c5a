// packages: pdf-lib@1.17.1
// kind: Documents
// shows: a PDF that is written and read again
// input: {"texto":"Factura 7"}
// answer: {"starts":"%PDF-1.7","pages":2,"title":"Factura 7","width":595.28}
// short: true
import { PageSizes, PDFDocument, StandardFonts } from "pdf-lib";
import { define, z } from "@jelou/functions";

export default define({
  description: "A PDF by pdf-lib",
  input: z.object({ texto: z.string() }),
  handler: async ({ texto }) => {
    const pdf = await PDFDocument.create();
    const font = await pdf.embedFont(StandardFonts.Helvetica);
    pdf.addPage(PageSizes.A4).drawText(texto, { x: 50, y: 700, font });
    pdf.addPage();
    pdf.setTitle(texto);
    const bytes = await pdf.save();
    const read = await PDFDocument.load(bytes);
    return {
      starts: new TextDecoder().decode(bytes.slice(0, 8)),
      pages: read.getPageCount(),
      title: read.getTitle(),
      width: read.getPage(0).getWidth(),
    };
  },
});
