// Tries to listen, so that callers can bypass the gateway.
import { define } from "@jelou/functions";
import * as net from "node:net";
import { attempts, first } from "./attempts.ts";

export default define({
  description: "Listens",
  config: { public: true, timeout: 120000 },
  handler: ({ data }: { data: string }) =>
    attempts({
      tcp: () => Deno.listen({ port: 0 }),
      loopback: () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
      "an address of the machine's": () => Deno.listen({ hostname: "8.8.8.8", port: 0 }),
      tls: () => Deno.listenTls({ port: 0, cert: "", key: "" }),
      serve: () => Deno.serve({ port: 0, onListen: () => {} }, () => new Response("evil")).finished,
      datagram: () => (Deno as any).listenDatagram({ port: 0, transport: "udp" }),
      unix: () => Deno.listen({ transport: "unix", path: "./evil" }),
      "in its own place": () =>
        Deno.listen({ transport: "unix", path: import.meta.dirname!.replace(/\/function$/, "/w/sock") }),
      "in another's place": () => Deno.listen({ transport: "unix", path: `${data}/run/0/w/sock` }),
      "node:net": () => first(net.createServer().listen(0, "127.0.0.1"), "listening"),
      "node:net unix": () => first(net.createServer().listen("/tmp/jelou-hostile.sock"), "listening"),
    }, { "node:net": 2000 }),
});
