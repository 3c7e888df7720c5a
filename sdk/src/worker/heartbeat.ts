/**
 * Answers the engine's heartbeat: echoes each challenge on the heartbeat socket. If the event loop is blocked, there is
 * no answer, and the engine ends the process.
 *
 * @module
 */
import { serveSocket } from "./listener.ts";

/** Listens on the socket for the life of the process. */
export function answerHeartbeat(path: string): void {
  serveSocket(path, echo);
}

async function echo(connection: Deno.UnixConn): Promise<void> {
  const challenge = new Uint8Array(8);
  try {
    for (let bytes; (bytes = await connection.read(challenge)) !== null;) {
      await connection.write(challenge.subarray(0, bytes));
    }
  } catch {
    // The engine has ended, and this process ends with it.
  }
}
