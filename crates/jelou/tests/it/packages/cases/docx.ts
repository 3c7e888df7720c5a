// packages: docx@9.15.2, jszip@3.10.2
// kind: Documents
// shows: a document, whose text is read from its archive
// input: {"texto":"Estimada Ana"}
// answer: {"text":"Estimada Ana","bold":true}
import { Document, Packer, Paragraph, TextRun } from "docx";
import JSZip from "jszip";
import { define, z } from "@jelou/functions";

export default define({
  description: "A document by docx",
  input: z.object({ texto: z.string() }),
  handler: async ({ texto }) => {
    const children = [new Paragraph({ children: [new TextRun({ text: texto, bold: true })] })];
    const bytes = await Packer.toBuffer(new Document({ sections: [{ children }] }));
    const archive = await JSZip.loadAsync(bytes);
    const xml = await archive.file("word/document.xml")!.async("string");
    return { text: xml.match(/<w:t[^>]*>([^<]*)</)?.[1], bold: xml.includes("<w:b/>") };
  },
});
