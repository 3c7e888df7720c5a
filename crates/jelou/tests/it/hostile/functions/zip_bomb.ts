// Decompresses small data that becomes large.
import { define } from "@jelou/functions";

export default define({
  description: "zip_bomb",
  config: { public: true, timeout: 100000 },
  handler: async () => {
    const zeros = new Blob([new Uint8Array(50_000_000)]).stream();
    const small = await new Response(zeros.pipeThrough(new CompressionStream("gzip"))).blob();
    const all: Uint8Array[] = [];
    while (true) {
      all.push(
        new Uint8Array(
          await new Response(small.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
        ),
      );
    }
  },
});
