/** Measures one kind of work on all peers. The peers take turns. */
import type { Work } from "../work/requests.ts";
import { load, type Measured, median } from "./load.ts";
import type { Peer } from "./peers.ts";
import { cpu, memory } from "./process.ts";

export interface Settings {
  /** Number of sets. The peers are restarted for each set. */
  sets: number;
  /** Number of rounds per set. */
  rounds: number;
  seconds: number;
}

export interface Round extends Measured {
  /** CPU time per call in microseconds: of the processes between caller and function, and of all processes. */
  frontCpu: number;
  allCpu: number;
}

export interface Figures {
  work: string;
  peer: string;
  /** Rounds in the order of measurement. Rounds of two peers with the same index were measured one after the other. */
  rounds: Round[];
  /** Private memory after the last round, in MiB. */
  memory: number;
}

/**
 * Measures the peers in order and in reverse order, alternately. `isReversed` means that the first round is in reverse
 * order.
 */
export async function inTurns(
  work: Work,
  peers: Peer[],
  { rounds, seconds }: Settings,
  isReversed: boolean,
): Promise<Figures[]> {
  const taking = peers.filter((peer) => !work.ownOnly || peer.name === "jelou");
  const taken = new Map<Peer, Round[]>(taking.map((peer) => [peer, []]));
  for (const peer of taking) await once(peer, work, 1);
  for (let round = 0; round < rounds; round++) {
    const reversed = (round % 2 === 1) !== isReversed;
    for (const peer of reversed ? taking.toReversed() : taking) {
      taken.get(peer)!.push(await once(peer, work, seconds));
    }
  }
  return [...taken].map(([peer, rounds]) => ({
    work: work.name,
    peer: peer.name,
    rounds,
    memory: peer.all().reduce((sum, pid) => sum + memory(pid).private, 0),
  }));
}

async function once(peer: Peer, work: Work, seconds: number): Promise<Round> {
  const front = peer.front();
  const all = peer.all();
  const before = [cpu(front), cpu(all)];
  const request = work.request(peer.call);
  const measured = await load(request, work.connections, seconds);
  const used = [cpu(front) - before[0], cpu(all) - before[1]];
  if (measured.errors > 0 || measured.calls === 0) {
    throw new Error(
      `${peer.name}: ${measured.calls} calls, ${measured.errors} socket errors`,
    );
  }
  if (measured.refused !== (work.refused ? measured.calls : 0)) {
    throw new Error(`${peer.name}: ${measured.refused} refusals`);
  }
  const perCall = (total: number) => total / measured.calls * 1_000_000;
  return { ...measured, frontCpu: perCall(used[0]), allCpu: perCall(used[1]) };
}

/** Appends the figures of a set to the figures of earlier sets. */
export function addTo(figures: Figures[], measured: Figures[]): void {
  for (const row of measured) {
    const same = figures.find(({ work, peer }) =>
      work === row.work && peer === row.peer
    );
    if (!same) figures.push(row);
    else {
      same.rounds.push(...row.rounds);
      same.memory = row.memory;
    }
  }
}

export function medianOf(figures: Figures, key: keyof Round): number {
  return median(figures.rounds.map((round) => round[key]));
}

/** Returns the median of a value that is computed from the rounds of two peers with the same index. */
export function medianOfPairs(
  own: Figures,
  other: Figures,
  value: (own: Round, other: Round) => number,
): number {
  return median(own.rounds.map((round, i) => value(round, other.rounds[i])));
}
