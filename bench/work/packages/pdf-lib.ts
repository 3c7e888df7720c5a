import { PDFDocument } from "pdf-lib";

export default {
  async fetch() {
    const pdf = await PDFDocument.create();
    return Response.json(pdf.addPage().getWidth());
  },
};
