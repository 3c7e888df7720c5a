/**
 * Lets the engine see that the event loop runs: whatever comes over the pulse socket goes back at once. A loop that
 * never yields does not answer, and the engine ends the process.
 *
 * @module
 */
import { serveSocket } from "./listener.ts";

/** Listens on the socket for the life of the process. */
export function answerPulse(path: string): void {
  serveSocket(path, echo);
}

async function echo(connection: Deno.UnixConn): Promise<void> {
  const beat = new Uint8Array(1);
  try {
    while (await connection.read(beat) !== null) await connection.write(beat);
  } catch {
    // The engine has gone, and this process goes with it.
  }
}
