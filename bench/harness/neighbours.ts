/** How a well-behaved function fares beside hostile ones that are called all the time. */
import { Jelou } from "./jelou.ts";
import { percentile, type Request } from "./load.ts";
import { BODY } from "./peers.ts";
import { send } from "./call.ts";
import { Started } from "./process.ts";

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
  /** Beside a loop that the scheduler runs only when nothing else wants the core: what the machine itself costs. */
  besideIdleLoop: Times;
  beside: Times;
  /** Calls of each hostile function that were answered, by any status. */
  hostile: Record<string, number>;
}

/** Milliseconds from one call to the next: a modest rate, so that what is seen is the waiting and not the work. */
const PERIOD = 10;
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
    const besideIdleLoop = await withIdleLoop(() => paced(call, seconds));
    const callers = new Callers(hostile);
    try {
      const beside = await paced(call, seconds);
      return { alone, besideIdleLoop, beside, hostile: await callers.end() };
    } finally {
      callers.stop();
    }
  } finally {
    await server.stop();
  }
}

/** Those who call the hostile functions. */
class Callers {
  readonly #thread = new Worker(new URL("./callers.ts", import.meta.url), {
    type: "module",
  });

  constructor(hostile: Record<string, Request>) {
    this.#thread.postMessage(hostile);
  }

  /** Answers with the number of calls that were answered. */
  end(): Promise<Record<string, number>> {
    return new Promise((resolve) => {
      this.#thread.onmessage = ({ data }) => resolve(data);
      this.#thread.postMessage("end");
    });
  }

  stop() {
    this.#thread.terminate();
  }
}

/** The class is SCHED_IDLE (sched(7)); `chrt` is part of util-linux. */
async function withIdleLoop<T>(work: () => Promise<T>): Promise<T> {
  const loop = ["--idle", "0", Deno.execPath(), "eval", "while (true);"];
  const process = new Started("chrt", loop);
  try {
    return await work();
  } finally {
    await process.stop();
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
