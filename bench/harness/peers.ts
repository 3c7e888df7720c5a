/** Starts the servers that are compared (peers). */
import { family, freePort, listening, Started, until } from "./process.ts";
import type { Request } from "./load.ts";
import { Jelou } from "./jelou.ts";

export interface Peer {
  name: string;
  /** An authenticated request. */
  call: Request;
  /** Returns the ids of the processes whose CPU time is compared: those between caller and function. */
  front: () => number[];
  /** Returns the ids of all processes of the peer. */
  all: () => number[];
  stop: () => Promise<void>;
}

export const BODY = JSON.stringify({ telefono: "593987654321" });
const TOKEN = "jfn_rt_0123456789abcdefghijklmnopqrstuvwxyzAB";
const here = new URL("../", import.meta.url).pathname;

function request(port: number): Request {
  return {
    url: `http://127.0.0.1:${port}/`,
    headers: { "x-jelou-token": TOKEN, "content-type": "application/json" },
    body: BODY,
  };
}

async function template(
  name: string,
  values: Record<string, string>,
  into: string,
): Promise<string> {
  let text = await Deno.readTextFile(`${here}peers/${name}`);
  for (const [key, value] of Object.entries(values)) {
    text = text.replaceAll(`{${key}}`, value);
  }
  await Deno.writeTextFile(into, text);
  return into;
}

async function bareDeno(): Promise<Peer> {
  const port = freePort();
  const server = new Started(Deno.execPath(), [
    "run",
    "-A",
    `${here}peers/deno.ts`,
    String(port),
    TOKEN,
  ]);
  await listening(port);
  const pids = () => [server.pid];
  return {
    name: "deno",
    call: request(port),
    front: pids,
    all: pids,
    stop: () => server.stop(),
  };
}

async function behind(
  name: string,
  start: (port: number, socket: string, dir: string) => Promise<Started>,
): Promise<Peer> {
  const dir = await Deno.makeTempDir();
  await Deno.chmod(dir, 0o777);
  const socket = `${dir}/deno.sock`;
  const port = freePort();
  const deno = new Started(Deno.execPath(), [
    "run",
    "-A",
    `${here}peers/deno.ts`,
    socket,
  ]);
  await until(`there is ${socket}`, () => Deno.stat(socket));
  await Deno.chmod(socket, 0o777);
  const proxy = await start(port, socket, dir);
  await listening(port);
  return {
    name,
    call: request(port),
    front: () => family(proxy.pid),
    all: () => [...family(proxy.pid), deno.pid],
    stop: async () => {
      await proxy.stop();
      await deno.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

const nginx = () =>
  behind("nginx", async (port, socket, dir) => {
    const values = { port: String(port), socket, dir, token: TOKEN };
    return new Started("nginx", [
      "-c",
      await template("nginx.conf", values, `${dir}/nginx.conf`),
    ]);
  });

const haproxy = () =>
  behind("haproxy", async (port, socket, dir) => {
    await Deno.writeTextFile(`${dir}/tokens.map`, `${TOKEN} 1\n`);
    const values = { port: String(port), socket, dir };
    return new Started("haproxy", [
      "-db",
      "-f",
      await template("haproxy.cfg", values, `${dir}/haproxy.cfg`),
    ]);
  });

async function node(): Promise<Peer> {
  const port = freePort();
  const server = new Started("node", [
    `${here}peers/node.mjs`,
    String(port),
    TOKEN,
  ]);
  await listening(port);
  const pids = () => [server.pid];
  return {
    name: "node",
    call: request(port),
    front: pids,
    all: pids,
    stop: () => server.stop(),
  };
}

async function workerd(): Promise<Peer> {
  const binary = Deno.env.get("WORKERD");
  if (!binary) throw new Error("WORKERD does not name the binary");
  const dir = await Deno.makeTempDir();
  const port = freePort();
  await template("workerd.js", { token: TOKEN }, `${dir}/workerd.js`);
  await Deno.copyFile(`${here}../sdk/dist/functions.js`, `${dir}/functions.js`);
  const config = await template(
    "workerd.capnp",
    { port: String(port) },
    `${dir}/config.capnp`,
  );
  const server = new Started(binary, ["serve", config]);
  await listening(port);
  const pids = () => family(server.pid);
  return {
    name: "workerd",
    call: request(port),
    front: pids,
    all: pids,
    stop: async () => {
      await server.stop();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

async function jelou(): Promise<Peer> {
  const server = await Jelou.start();
  const call = await server.deploy("bench", `${here}work/function.ts`, BODY);
  return {
    name: "jelou",
    call,
    front: () => [server.pid],
    all: () => family(server.pid),
    stop: () => server.stop(),
  };
}

export const PEERS: Record<string, () => Promise<Peer>> = {
  jelou,
  nginx,
  haproxy,
  deno: bareDeno,
  node,
  workerd,
};
