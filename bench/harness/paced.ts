/** Calls a function at a fixed rate. */
import { send } from "./call.ts";
import { percentile, type Request } from "./load.ts";
import { Started } from "./process.ts";

export interface Times {
  /** Latency in milliseconds. */
  p50: number;
  p99: number;
  calls: number;
  /** Number of calls that failed or had a status other than 200. */
  failed: number;
}

/** Milliseconds between two calls. The rate is low, so that latency shows waiting and not work. */
const PERIOD = 10;

export const wait = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, Math.max(0, milliseconds)));

/**
 * Calls at a fixed rate until `end` settles. If a call starts late, its latency counts from its scheduled start (see
 * coordinated omission).
 */
export async function pacedUntil(
  call: Request,
  end: Promise<unknown>,
): Promise<Times> {
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
  let ended = false;
  const stop = () => ended = true;
  end.then(stop, stop);
  const begin = performance.now();
  const calls: Promise<void>[] = [];
  for (let number = 0; !ended; number++) {
    const due = begin + number * PERIOD;
    await wait(due - performance.now());
    calls.push(one(Math.min(due + 1, performance.now())));
  }
  await end;
  await Promise.all(calls);
  return {
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    calls: times.length,
    failed,
  };
}

export function paced(call: Request, seconds: number): Promise<Times> {
  return pacedUntil(call, wait(seconds * 1000));
}

/** Does `work` beside a busy loop of the class SCHED_IDLE (sched(7)). `chrt` is part of util-linux. */
export async function withIdleLoop<T>(work: () => Promise<T>): Promise<T> {
  const loop = ["--idle", "0", Deno.execPath(), "eval", "while (true);"];
  const process = new Started("chrt", loop);
  try {
    return await work();
  } finally {
    await process.stop();
  }
}
