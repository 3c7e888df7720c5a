/**
 * Runs the benchmark: all peers and all kinds of work.
 *
 * @module
 */
import { measureNeighbours } from "./harness/neighbours.ts";
import { type Peer, PEERS } from "./harness/peers.ts";
import { writeReport } from "./harness/report.ts";
import { addTo, type Figures, inTurns, medianOf } from "./harness/rounds.ts";
import { idleMemory } from "./harness/idle.ts";
import { measureDeployments } from "./harness/deployments.ts";
import { measureDev } from "./harness/dev.ts";
import { measureMany } from "./harness/many.ts";
import { endAll } from "./harness/process.ts";
import { measurePackages } from "./harness/packages.ts";
import { measureSchedules } from "./harness/schedules.ts";
import { measureStarts } from "./harness/starts.ts";
import { measureTokens } from "./harness/tokens.ts";
import { WORK } from "./work/requests.ts";

const settings = {
  sets: Number(Deno.env.get("SETS") ?? 3),
  rounds: Number(Deno.env.get("ROUNDS") ?? 5),
  seconds: Number(Deno.env.get("SECONDS_PER_ROUND") ?? 1),
};
const only = Deno.env.get("ONLY")?.split(",");
const wants = (name: string) => only?.includes(name) ?? true;

try {
  // A partial run does not overwrite the complete report.
  await writeReport(only ? "part" : "latest", await measurePeers(), {
    // Measured first, because the other measurements leave the machine busy with freeing memory and writing files.
    neighbours: wants("neighbours")
      ? await measureNeighbours(
        2 * settings.sets * settings.rounds * settings.seconds,
      )
      : null,
    starts: wants("starts") ? await measureStarts() : null,
    packages: wants("packages") ? await measurePackages() : null,
    idle: wants("idle") ? await idleMemory() : null,
    dev: wants("dev") ? await measureDev() : null,
    deployments: wants("deployments") ? await measureDeployments() : null,
    schedules: wants("schedules") ? await measureSchedules() : null,
    many: wants("many") ? await measureMany() : null,
    tokens: wants("tokens") ? await measureTokens() : null,
  }, settings);
} finally {
  endAll();
}

/** Measures all kinds of work. The peers take turns and are restarted for each set. */
async function measurePeers(): Promise<Figures[]> {
  const figures: Figures[] = [];
  const names = Object.keys(PEERS).filter(wants);
  for (let set = 0; names.length > 0 && set < settings.sets; set++) {
    const peers: Peer[] = [];
    for (const name of names) peers.push(await PEERS[name]());
    for (const work of WORK) {
      const measured = await inTurns(work, peers, settings, set % 2 === 1);
      addTo(figures, measured);
      for (const row of measured) {
        const rate = Math.round(medianOf(row, "rate"));
        const cpu = medianOf(row, "frontCpu").toFixed(1);
        console.error(`${row.work}: ${row.peer} ${rate}/s, front ${cpu} us`);
      }
    }
    for (const peer of peers) await peer.stop();
  }
  return figures;
}
