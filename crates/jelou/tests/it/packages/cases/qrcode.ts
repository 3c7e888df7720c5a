// packages: qrcode@1.5.4
// kind: Images
// shows: a code as a picture and as text
// input: {"texto":"https://tienda.example.com/7"}
// answer: {"png":"iVBORw0KGgo","modules":29,"version":3}
import QRCode from "qrcode";
import { define, z } from "@jelou/functions";

export default define({
  description: "A QR code",
  input: z.object({ texto: z.string() }),
  handler: async ({ texto }) => {
    const { modules, version } = QRCode.create(texto, { errorCorrectionLevel: "M" });
    const [, png] = (await QRCode.toDataURL(texto)).split("base64,");
    return { png: png.slice(0, 11), modules: modules.size, version };
  },
});
