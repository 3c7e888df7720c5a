/** Measures cold starts, and how soon a revoked token is refused. */
import { percentile, summary } from "./load.ts";
import { Jelou } from "./jelou.ts";
import { send, timed } from "./call.ts";
import { BODY } from "./peers.ts";
import { FUNCTION } from "./work.ts";

export interface Starts {
  /** Milliseconds from a request to the end of its answer. */
  pooled: { p50: number; p99: number; count: number };
  fromNothing: { p50: number; p99: number; count: number };
  /** Number of requests with a revoked token that were accepted. */
  callsAfterRevocation: number;
}

/** Maximum milliseconds until the process of a function has ended. */
const SETTLED_MS = 150;

export const NO_BLANK_WORKERS = {
  JELOU_LIMITS__BLANK_WORKERS: "0",
  JELOU_LIMITS__MAX_BLANK_WORKERS: "0",
};
export async function measureStarts(
  count = Number(Deno.env.get("STARTS") ?? 200),
): Promise<Starts> {
  const fromNothing = await coldStarts(
    NO_BLANK_WORKERS,
    Math.min(count, 50),
    SETTLED_MS,
  );
  // Time for the pool to replace the used blank worker: it starts one, rehearses a first call, and then pauses for as
  // long as that took.
  const pause = Math.max(SETTLED_MS, 4 * percentile(fromNothing, 50));
  const pooled = await coldStarts(
    { JELOU_LIMITS__BLANK_WORKERS: "2" },
    count,
    pause,
  );
  const server = await Jelou.start();
  const call = await server.deploy("revoked", FUNCTION, BODY);
  await (await send(call)).body?.cancel();
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
    callsAfterRevocation,
  };
}

/**
 * Measures cold starts. A change of the secrets ends the function's process; `pause` milliseconds later, a call is
 * measured.
 */
async function coldStarts(
  environment: Record<string, string>,
  count: number,
  pause: number,
): Promise<number[]> {
  const server = await Jelou.start(environment);
  const call = await server.deploy("cold", FUNCTION, BODY);
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    await server.command(["secrets", "set", "cold", `N=${i}`]);
    await new Promise((resolve) => setTimeout(resolve, pause));
    times.push(await timed(call));
  }
  await server.stop();
  return times;
}
