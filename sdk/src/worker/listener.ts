/**
 * The worker's own sockets, which it listens on for its whole life.
 *
 * @module
 */
import { NativePromise, nativeSetTimeout } from "./primordials.ts";

const { listen } = Deno;

/** How long to wait before another try when a connection cannot be accepted. */
const PAUSE_MS = 50;

/** Hands over each connection that comes to the socket. */
export function serveSocket(path: string, take: (connection: Deno.UnixConn) => void): void {
  accept(listen({ transport: "unix", path }), take);
}

/** While the function has all the files open that a process may have, connections wait. */
async function accept(listener: Deno.UnixListener, take: (connection: Deno.UnixConn) => void): Promise<void> {
  while (true) {
    try {
      take(await listener.accept());
    } catch {
      await new NativePromise((resolve) => nativeSetTimeout(resolve, PAUSE_MS));
    }
  }
}
