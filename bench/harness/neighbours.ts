/** Measures the latency of a normal function while hostile functions are called continuously. */
import { Jelou } from "./jelou.ts";
import { percentile, type Request } from "./load.ts";
import { BODY } from "./peers.ts";
import { send } from "./call.ts";
import { Started } from "./process.ts";

export interface Times {
  /** Latency in milliseconds. */
  p50: number;
  p99: number;
  calls: number;
  /** Number of calls that failed or had a status other than 200. */
  failed: number;
}

export interface Neighbours {
  alone: Times;
  /**
   * With a busy loop of the scheduling class SCHED_IDLE. Shows the latency that the machine adds when its cores are
   * busy.
   */
  besideIdleLoop: Times;
  beside: Times;
  /** Number of answers of each hostile function, with any status. */
  hostile: Record<string, number>;
}

/** Milliseconds between two calls. The rate is low, so that latency shows waiting and not work. */
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

/** A thread that calls the hostile functions. */
class Callers {
  readonly #thread = new Worker(new URL("./callers.ts", import.meta.url), {
    type: "module",
  });

  constructor(hostile: Record<string, Request>) {
    this.#thread.postMessage(hostile);
  }

  /** Stops the calls and returns the number of answers of each function. */
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

/** Does `work` beside a busy loop of the class SCHED_IDLE (sched(7)). `chrt` is part of util-linux. */
async function withIdleLoop<T>(work: () => Promise<T>): Promise<T> {
  const loop = ["--idle", "0", Deno.execPath(), "eval", "while (true);"];
  const process = new Started("chrt", loop);
  try {
    return await work();
  } finally {
    await process.stop();
  }
}

/**
 * Calls at a fixed rate. If a call starts late, its latency counts from its scheduled start (see coordinated omission).
 */
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
