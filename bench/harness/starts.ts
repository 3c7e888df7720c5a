/** What only this platform does: cold starts, many functions, revocation. */
import { percentile } from "./load.ts";
import { Jelou } from "./jelou.ts";
import { BODY } from "./peers.ts";
import { family, memory } from "./process.ts";
import { send } from "./send.ts";

export interface Starts {
  /** Milliseconds from the request to the first byte of its answer. */
  pooled: { p50: number; p99: number; count: number };
  fromNothing: { p50: number; p99: number; count: number };
  /** MiB of an idle warm function. */
  privateMemory: number;
  /** Requests that a revoked token still opened. */
  callsAfterRevocation: number;
}

const FUNCTION = new URL("../work/function.ts", import.meta.url).pathname;

export async function measureStarts(
  count = Number(Deno.env.get("STARTS") ?? 200),
): Promise<Starts> {
  const pooled = await coldStarts({ JELOU_LIMITS__BLANK_WORKERS: "2" }, count);
  const fromNothing = await coldStarts(
    { JELOU_LIMITS__BLANK_WORKERS: "0" },
    Math.min(count, 50),
  );
  const server = await Jelou.start();
  const call = await server.deploy("revoked", FUNCTION, BODY);
  await (await send(call)).body?.cancel();
  const privateMemory = Math.min(
    ...family(server.pid).slice(1).map((pid) => memory(pid).private),
  );
  const extra = await server.command([
    "tokens",
    "create",
    "revoked",
    "--name",
    "extra",
  ]);
  await server.command(["tokens", "revoke", "revoked", "extra", "-y"]);
  let callsAfterRevocation = 0;
  while (
    (await send({
      ...call,
      headers: { ...call.headers, "x-jelou-token": extra.token },
    })).status === 200
  ) {
    callsAfterRevocation++;
  }
  await server.stop();
  return {
    pooled: summary(pooled),
    fromNothing: summary(fromNothing),
    privateMemory,
    callsAfterRevocation,
  };
}

/** Milliseconds of the first call to a function whose process was ended by a change of its secrets. */
async function coldStarts(
  environment: Record<string, string>,
  count: number,
): Promise<number[]> {
  const server = await Jelou.start(environment);
  const call = await server.deploy("cold", FUNCTION, BODY);
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    await server.command(["secrets", "set", "cold", `N=${i}`]);
    // Lets a blank worker take the place of the one that was used.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const started = performance.now();
    const response = await send(call);
    times.push(performance.now() - started);
    if (response.status !== 200) {
      throw new Error(`cold start answered ${response.status}`);
    }
    await response.body?.cancel();
  }
  await server.stop();
  return times;
}

function summary(times: number[]): { p50: number; p99: number; count: number } {
  return {
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    count: times.length,
  };
}
