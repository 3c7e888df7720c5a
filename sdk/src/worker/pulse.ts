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
  const question = new Uint8Array(8);
  try {
    for (let bytes; (bytes = await connection.read(question)) !== null;) {
      await connection.write(question.subarray(0, bytes));
    }
  } catch {
    // The engine has gone, and this process goes with it.
  }
}
