// packages: fast-xml-parser@5.12.1
// kind: Parsing
// shows: XML there and back
// input: {"xml":"<factura id=\"7\"><linea>Pan</linea><linea>Agua</linea></factura>"}
// answer: {"parsed":{"factura":{"linea":["Pan","Agua"],"@_id":"7"}},"built":"<factura id=\"7\"><linea>Pan</linea><linea>Agua</linea></factura>"}
import { XMLBuilder, XMLParser } from "fast-xml-parser";
import { define, z } from "@jelou/functions";

export default define({
  description: "XML by fast-xml-parser",
  input: z.object({ xml: z.string() }),
  handler: ({ xml }) => {
    const parsed = new XMLParser({ ignoreAttributes: false }).parse(xml);
    return { parsed, built: new XMLBuilder({ ignoreAttributes: false }).build(parsed) };
  },
});
