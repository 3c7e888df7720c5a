// packages: jimp@1.6.1
// kind: Images
// shows: a picture that is made smaller, written as PNG and read again
// input: {}
// answer: {"type":"image/png","width":8,"height":4,"pixel":"ff8000ff"}
import { Jimp } from "jimp";
import { define } from "@jelou/functions";

export default define({
  description: "A picture by Jimp",
  handler: async () => {
    const picture = new Jimp({ width: 16, height: 8, color: 0xff8000ff });
    const bytes = await picture.resize({ w: 8, h: 4 }).getBuffer("image/png");
    const read = await Jimp.read(bytes);
    return {
      type: read.mime,
      width: read.width,
      height: read.height,
      pixel: read.getPixelColor(3, 3).toString(16),
    };
  },
});
