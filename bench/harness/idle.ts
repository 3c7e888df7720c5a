/** Measures the memory of an idle function. */
import { timed } from "./call.ts";
import { Jelou } from "./jelou.ts";
import { BODY } from "./peers.ts";
import { family, privateBytes } from "./process.ts";
import { NO_BLANK_WORKERS } from "./starts.ts";
import { FUNCTION } from "./work.ts";

const SETTLED_MS = 3_000;

/**
 * Returns the private memory of an idle function after some calls, in MiB. Runs two functions, so that their processes
 * share the pages of Deno's executable, as on any server. Returns the larger figure.
 */
export async function idleMemory(
  file = FUNCTION,
  packages: string[] = [],
): Promise<number> {
  const server = await Jelou.start(NO_BLANK_WORKERS);
  for (const slug of ["idle-one", "idle-other"]) {
    const call = await server.deploy(slug, file, BODY, packages);
    for (let i = 0; i < 100; i++) await timed(call);
  }
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  const workers = family(server.pid).slice(1);
  if (workers.length !== 2) throw new Error(`${workers.length} processes`);
  const most = Math.max(...workers.map(privateBytes));
  await server.stop();
  return most / 1024 / 1024;
}
