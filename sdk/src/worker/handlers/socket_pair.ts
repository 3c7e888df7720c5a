/**
 * Two connected sockets in memory, for a server and a client of `node:http` in one process.
 *
 * @module
 */
import type { Duplex } from "node:stream";

/** The address of the client, as the server's end of a pair shows it. */
export interface Peer {
  readonly remoteAddress: string;
}

type DuplexClass = new (options: object) => Duplex;

/** Connects two sockets. Data that is written to one can be read from the other, with back-pressure. */
export function socketPair(Duplex: DuplexClass, peer: Peer): [client: Duplex, server: Duplex] {
  let client: Duplex | null = null;
  let server: Duplex | null = null;
  client = end(Duplex, () => server!, { remoteAddress: "127.0.0.1" });
  server = end(Duplex, () => client!, peer);
  return [client, server];
}

const NEXT_WRITE = Symbol("nextWrite");

interface End extends Duplex {
  /** Completes the pending write of the other end, once this end has room. */
  [NEXT_WRITE]: (() => void) | null;
}

function end(Duplex: DuplexClass, other: () => Duplex, peer: Peer): Duplex {
  const socket = new Duplex({
    read(this: End) {
      const written = this[NEXT_WRITE];
      this[NEXT_WRITE] = null;
      written?.();
    },
    write(chunk: unknown, _encoding: string, written: () => void) {
      const to = other() as End;
      if (to.destroyed || to.push(chunk)) written();
      else to[NEXT_WRITE] = written;
    },
    final(done: () => void) {
      if (!other().destroyed) other().push(null);
      done();
    },
    destroy(error: Error | null, done: (error: Error | null) => void) {
      const to = other();
      // Behaves like a closed connection: the other end gets the end of the stream, and cannot write any more.
      queueMicrotask(() => to.destroyed || to.destroy());
      done(error);
    },
  }) as End;
  socket[NEXT_WRITE] = null;
  const self = () => socket;
  return Object.assign(socket, {
    remoteAddress: peer.remoteAddress,
    remotePort: 0,
    remoteFamily: peer.remoteAddress.includes(":") ? "IPv6" : "IPv4",
    localAddress: "127.0.0.1",
    localPort: 0,
    encrypted: false,
    connecting: false,
    address: () => ({ address: "127.0.0.1", family: "IPv4", port: 0 }),
    setTimeout: self,
    setNoDelay: self,
    setKeepAlive: self,
    ref: self,
    unref: self,
    destroySoon: () => socket.end(() => socket.destroy()),
  });
}
