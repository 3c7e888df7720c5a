/**
 * The benchmark: every peer and every kind of work in one run, ratios first.
 *
 * @module
 */
import { load, type Measured, median, type Request } from "./harness/load.ts";
import { measureNeighbours } from "./harness/neighbours.ts";
import { type Peer, PEERS } from "./harness/peers.ts";
import { cpu, memory } from "./harness/process.ts";
import { type Figures, writeReport } from "./harness/report.ts";
import { idleMemory } from "./harness/idle.ts";
import { measureMany } from "./harness/many.ts";
import { measureStarts } from "./harness/starts.ts";
import { memoryPerToken } from "./harness/tokens.ts";

const rounds = Number(Deno.env.get("ROUNDS") ?? 5);
const seconds = Number(Deno.env.get("SECONDS_PER_ROUND") ?? 3);
const only = Deno.env.get("ONLY")?.split(",");
const names = Object.keys(PEERS).filter((name) => only?.includes(name) ?? true);

const LARGE_BODY = JSON.stringify({
  telefono: "593987654321",
  relleno: "x".repeat(64 * 1024),
});
const TOOLS_LIST = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/list",
  params: {},
});
const WRONG_TOKEN = "jfn_rt_0000000000000000000000000000000000000A";

interface Work {
  connections: number;
  of: (call: Request) => Request;
  /** What no peer can do. */
  ownOnly?: true;
  /** Rounds in the place of one, each as much shorter: for differences that are small beside those between rounds. */
  split?: number;
}

const WORK: Record<string, Work> = {
  "authenticated call, 32 connections": { connections: 32, of: (call) => call },
  "authenticated call, 1 connection": {
    connections: 1,
    of: (call) => call,
    split: 3,
  },
  "refused call, 32 connections": {
    connections: 32,
    of: (call) => ({
      ...call,
      headers: { ...call.headers, "x-jelou-token": WRONG_TOKEN },
    }),
  },
  "64 KB body, 32 connections": {
    connections: 32,
    of: (call) => ({ ...call, body: LARGE_BODY }),
  },
  "MCP tools/list, 32 connections": {
    connections: 32,
    of: (call) => ({ ...call, url: `${call.url}mcp`, body: TOOLS_LIST }),
    ownOnly: true,
  },
};

interface Round extends Measured {
  frontCpu: number;
  allCpu: number;
}

async function once(
  peer: Peer,
  request: Request,
  connections: number,
  seconds: number,
): Promise<Round> {
  const front = peer.front();
  const all = peer.all();
  const before = [cpu(front), cpu(all)];
  const measured = await load(request, connections, seconds);
  const used = [cpu(front) - before[0], cpu(all) - before[1]];
  if (measured.errors > 0) {
    throw new Error(`${peer.name}: ${measured.errors} socket errors`);
  }
  const allowed = request.headers["x-jelou-token"] !== WRONG_TOKEN;
  if (measured.refused !== (allowed ? 0 : measured.calls)) {
    throw new Error(`${peer.name}: ${measured.refused} refusals`);
  }
  const perCall = (total: number) => total / measured.calls * 1_000_000;
  return { ...measured, frontCpu: perCall(used[0]), allCpu: perCall(used[1]) };
}

async function measure(work: string): Promise<void> {
  const { connections, of, ownOnly, split = 1 } = WORK[work];
  const taking = peers.filter((peer) => !ownOnly || peer.name === "jelou");
  const taken = new Map<string, Round[]>(taking.map((peer) => [peer.name, []]));
  for (const peer of taking) await load(of(peer.call), connections, 1);
  // wrk counts in whole seconds.
  const length = Math.max(1, Math.round(seconds / split));
  for (let round = 0; round < rounds * split; round++) {
    for (const peer of round % 2 === 0 ? taking : taking.toReversed()) {
      const measured = once(peer, of(peer.call), connections, length);
      taken.get(peer.name)!.push(await measured);
    }
  }
  for (const peer of taking) {
    const own = taken.get(peer.name)!;
    const of = (key: keyof Round) => median(own.map((round) => round[key]));
    figures.push({
      work,
      peer: peer.name,
      rate: of("rate"),
      p50: of("p50"),
      p99: of("p99"),
      frontCpu: of("frontCpu"),
      allCpu: of("allCpu"),
      memory: peer.all().reduce((sum, pid) => sum + memory(pid).private, 0),
    });
    console.error(
      `${work}: ${peer.name} ${Math.round(of("rate"))}/s, front ${
        of("frontCpu").toFixed(1)
      } us`,
    );
  }
}

const peers: Peer[] = [];
const figures: Figures[] = [];
const wants = (name: string) => only?.includes(name) ?? true;
try {
  for (const name of names) peers.push(await PEERS[name]());
  for (const work of peers.length > 0 ? Object.keys(WORK) : []) {
    await measure(work);
  }
} finally {
  for (const peer of peers) await peer.stop();
}

// A part must not take the place of the whole.
const name = only ? "part" : "latest";
await writeReport(name, figures, {
  // First: the others leave a machine that is busy with their memory and files for a while.
  neighbours: wants("neighbours")
    ? await measureNeighbours(2 * rounds * seconds)
    : null,
  starts: wants("starts") ? await measureStarts() : null,
  idle: wants("idle") ? await idleMemory() : null,
  many: wants("many") ? await measureMany() : null,
  bytesPerToken: wants("tokens") ? await memoryPerToken() : null,
}, { rounds, seconds });
