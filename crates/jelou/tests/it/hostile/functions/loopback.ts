// Connects to this machine, by every name that it has.
import { define } from "@jelou/functions";
import * as net from "node:net";
import * as http from "node:http";
import * as tls from "node:tls";
import * as dgram from "node:dgram";
import { attempts, first } from "./attempts.ts";

const HOSTS = [
  "127.0.0.1",
  "127.1",
  "127.0.1",
  "127.255.255.254",
  "0x7f000001",
  "0x7f.1",
  "2130706433",
  "0177.0.0.1",
  "017700000001",
  "localhost",
  "localhost.",
  "LOCALHOST",
  "0.0.0.0",
  "0",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[0:0:0:0:0:ffff:127.0.0.1]",
  "ip6-localhost",
  "①②⑦.⓪.⓪.①",
];

export default define({
  description: "Connects to this machine",
  config: { public: true, timeout: 120000 },
  handler: async ({ port }: { port: number }) => {
    const ways: Record<string, () => unknown> = {};
    for (const host of HOSTS) {
      const bare = host.replace(/^\[|\]$/g, "");
      ways[`fetch ${host}`] = () => fetch(`http://${host}:${port}/`);
      ways[`connect ${host}`] = () => Deno.connect({ hostname: bare, port });
      ways[`node:net ${host}`] = () => first(net.connect(port, bare), "connect");
    }
    return await attempts({
      ...ways,
      "node:http": () => first(http.get(`http://127.0.0.1:${port}/`), "response"),
      "node:tls": () => first(tls.connect(port, "127.0.0.1"), "secureConnect"),
      tls: () => Deno.connectTls({ hostname: "localhost", port }),
      websocket: () => {
        const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
        return new Promise((resolve, reject) => {
          socket.onopen = resolve;
          socket.onerror = (event) => reject((event as ErrorEvent).error ?? new Error("refused"));
        });
      },
      "event source": () => {
        const source = new EventSource(`http://127.0.0.1:${port}/`);
        return new Promise((resolve, reject) => {
          source.onopen = resolve;
          source.onerror = () => (source.close(), reject(new Error("refused")));
        });
      },
      "a client of its own": () => fetch(`http://127.0.0.1:${port}/`, { client: Deno.createHttpClient({}) }),
      "through a proxy": () =>
        fetch("http://example.com/", {
          client: Deno.createHttpClient({ proxy: { url: `http://127.0.0.1:${port}` } }),
        }),
      "through a proxy of TCP": () =>
        fetch("http://example.com/", {
          client: Deno.createHttpClient({ proxy: { transport: "tcp", hostname: "127.0.0.1", port } as any }),
        }),
      datagram: () => {
        const socket = dgram.createSocket("udp4");
        return new Promise((resolve, reject) => {
          socket.on("error", reject);
          socket.send("x", port, "127.0.0.1", (error) => error ? reject(error) : resolve("sent"));
        });
      },
    });
  },
});
