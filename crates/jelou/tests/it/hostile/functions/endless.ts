// Streams an endless answer, as fast as it is read.
import { define } from "@jelou/functions";

export default define({
  description: "endless",
  config: { public: true },
  handler: () => {
    const piece = new Uint8Array(65_536).fill(120);
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(piece) }));
  },
});
