/** Measures the latency of a normal function while hostile functions are called continuously. */
import { Jelou } from "./jelou.ts";
import type { Request } from "./load.ts";
import { paced, type Times, withIdleLoop } from "./paced.ts";
import { BODY } from "./peers.ts";

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

const HOSTILE = ["loop", "allocation", "crash"];

const file = (name: string) =>
  new URL(`../work/${name}.ts`, import.meta.url).pathname;

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
