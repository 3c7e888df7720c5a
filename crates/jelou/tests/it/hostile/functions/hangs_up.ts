// Closes the connection that carries calls, during a call.
import { define } from "@jelou/functions";

export default define({
  description: "hangs_up",
  config: { public: true, timeout: 100000 },
  handler: async ({ hang }: { hang?: boolean }) => {
    if (!hang) return "answered";
    const path = import.meta.dirname!.replace(/\/function$/, "/e/sock");
    const connection = await Deno.connect({ transport: "unix", path });
    const prototype = Object.getPrototypeOf(Object.getPrototypeOf(connection));
    const { read, close } = prototype;
    prototype.read = function (buffer: Uint8Array) {
      // Shorter reads belong to the engine's heartbeats.
      if (buffer.length > 64) close.call(this);
      return read.call(this, buffer);
    };
    return new Promise(() => {});
  },
});
