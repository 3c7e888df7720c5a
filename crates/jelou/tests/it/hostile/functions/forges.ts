// Sends requests to the gateway without the SDK, with headers that only the gateway may set.
import { define } from "@jelou/functions";

const FORGED = {
  "x-jelou-request-id": "forged",
  "x-jelou-tool": "forged",
  "x-jelou-params": "%7B%22id%22%3A%22forged%22%7D",
  "x-jelou-identity": "%7B%22user%22%3A%7B%22id%22%3A%22forged%22%7D%7D",
  "x-jelou-trigger": "%7B%22type%22%3A%22cron%22%2C%22cron%22%3A%22*%20*%20*%20*%20*%22%7D",
  "x-jelou-origin": "http://forged.example.com",
  "x-jelou-hops": "0",
  "x-forwarded-for": "192.0.2.1",
  "forwarded": "for=192.0.2.1",
  "content-type": "application/json",
};

export default define({
  description: "Forges headers",
  config: { public: true },
  handler: async ({ domain, api }: { domain: string; api: string }) => {
    const socket = import.meta.dirname!.replace(/\/function$/, "/e/sock");
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    const ask = async (url: string) => {
      const headers: Record<string, string> = { ...FORGED, authorization: "Bearer x" };
      try {
        const answer = await fetch(url, { client, method: "POST", body: "{}", headers });
        return [answer.status, await answer.json().catch(() => null)];
      } catch (error) {
        return (error as Error).name;
      }
    };
    // Sends raw bytes, without an HTTP client.
    const raw = async (text: string) => {
      const connection = await Deno.connect({ transport: "unix", path: socket });
      await connection.write(new TextEncoder().encode(text));
      const answer = await new Response(connection.readable).text();
      return [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
    };
    return {
      mirror: await ask(`http://mirror.${domain}/`),
      locked: await ask(`http://locked.${domain}/`),
      load: await ask(`http://mirror.${domain}/__jelou/load`),
      management: await ask(`http://${api}/v1/functions`),
      "management by host": await raw(
        `GET /v1/functions HTTP/1.1\r\nHost: ${api}\r\nConnection: close\r\n\r\n`,
      ),
      "locked by smuggling": await raw(
        `POST / HTTP/1.1\r\nHost: mirror.${domain}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` +
          `GET / HTTP/1.1\r\nHost: locked.${domain}\r\nConnection: close\r\n\r\n`,
      ),
      "a bare loader": await raw(
        `POST /__jelou/load HTTP/1.1\r\nHost: worker\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
      ),
    };
  },
});
