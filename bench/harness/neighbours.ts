/** How a well-behaved function fares beside hostile ones that are called all the time. */
import { Jelou } from "./jelou.ts";
import { percentile, type Request } from "./load.ts";
import { BODY } from "./peers.ts";
import { send } from "./call.ts";

export interface Times {
  /** Milliseconds. */
  p50: number;
  p99: number;
  calls: number;
  /** Calls that were not answered with 200. */
  failed: number;
}

export interface Neighbours {
  alone: Times;
  beside: Times;
  /** Calls of each hostile function that were answered, by any status. */
  hostile: Record<string, number>;
}

/** Milliseconds from one call to the next: a modest rate, so that what is seen is the waiting and not the work. */
const PERIOD = 10;
/** Milliseconds that a caller of a hostile function waits for its next call. */
const PAUSE = 20;
const HOSTILE = ["loop", "allocation", "crash"];

const file = (name: string) =>
  new URL(`../work/${name}.ts`, import.meta.url).pathname;
const wait = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));

export async function measureNeighbours(seconds: number): Promise<Neighbours> {
  const server = await Jelou.start();
  try {
    const call = await server.deploy("well", file("function"), BODY);
    const hostile: Record<string, Request> = {};
    for (const name of HOSTILE) {
      hostile[name] = await server.deploy(name, file(name), "{}");
    }
    await paced(call, 2);
    const alone = await paced(call, seconds);
    const answers = Object.fromEntries(HOSTILE.map((name) => [name, 0]));
    const end = new AbortController();
    const callers = HOSTILE.map(async (name) => {
      while (!end.signal.aborted) {
        if (await answered(hostile[name], end.signal)) answers[name]++;
        await wait(PAUSE);
      }
    });
    const beside = await paced(call, seconds);
    end.abort();
    await Promise.all(callers);
    return { alone, beside, hostile: answers };
  } finally {
    await server.stop();
  }
}

/** Calls at a fixed rate; a call that starts late because others were slow counts from when it should have started. */
async function paced(call: Request, seconds: number): Promise<Times> {
  const times: number[] = [];
  let failed = 0;
  const one = async (due: number) => {
    try {
      const response = await send(call);
      await response.arrayBuffer();
      if (response.status !== 200) failed++;
    } catch {
      failed++;
    }
    times.push(performance.now() - due);
  };
  const begin = performance.now();
  const calls: Promise<void>[] = [];
  for (let number = 0; number < seconds * 1000 / PERIOD; number++) {
    const due = begin + number * PERIOD;
    await wait(due - performance.now());
    calls.push(one(Math.min(due + 1, performance.now())));
  }
  await Promise.all(calls);
  return {
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    calls: times.length,
    failed,
  };
}

async function answered(call: Request, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await send(call, signal);
    await response.arrayBuffer();
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
