/**
 * Listens on the worker's own sockets for the life of the process.
 *
 * @module
 */
import { NativePromise, nativeSetTimeout } from "./primordials.ts";

const { listen } = Deno;

/** Milliseconds before the next attempt after a connection could not be accepted. */
const PAUSE_MS = 50;

/** Passes each new connection of the socket to `take`. */
export function serveSocket(path: string, take: (connection: Deno.UnixConn) => void): void {
  accept(listen({ transport: "unix", path }), take);
}

/** Accepts connections until the process ends. While the process has no free file descriptor, connections wait. */
async function accept(listener: Deno.UnixListener, take: (connection: Deno.UnixConn) => void): Promise<void> {
  while (true) {
    try {
      take(await listener.accept());
    } catch {
      await new NativePromise((resolve) => nativeSetTimeout(resolve, PAUSE_MS));
    }
  }
}
