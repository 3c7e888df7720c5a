/**
 * The gateway's end of a worker's call channel.
 *
 * @module
 */
import { type Facts, factsLine } from "./facts.ts";

const REQUEST = 1;
const CANCEL = 2;
const DONE = 3;
const PIPE = 4;
const ANSWER = 1;

/** The worker's reply to one call. */
export interface Reply {
  readonly id: number;
  /** Whether the answer must be requested over HTTP. */
  readonly held: boolean;
  readonly status: number;
  /** `name: value` lines. */
  readonly head: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The contents of a request frame. */
export interface Call {
  readonly method?: string;
  readonly target?: string;
  readonly facts?: Facts;
  readonly headers?: Record<string, string> | [string, string][];
  readonly body?: string | Uint8Array;
}

/** A connection to a worker. */
export class Calls implements Disposable {
  readonly #connection: Deno.UnixConn;
  readonly #pipe: Deno.FsFile | null;
  #come = new Uint8Array();

  private constructor(connection: Deno.UnixConn, pipe: Deno.FsFile | null) {
    this.#connection = connection;
    this.#pipe = pipe;
  }

  static async open(worker: { readonly folder: string }): Promise<Calls> {
    return new Calls(await Deno.connect({ transport: "unix", path: `${worker.folder}/calls.sock` }), null);
  }

  /** Opens a connection whose answers come through the worker's first pipe. */
  static async openWithPipe(worker: { readonly folder: string }): Promise<Calls> {
    const connection = await Deno.connect({ transport: "unix", path: `${worker.folder}/calls.sock` });
    const calls = new Calls(connection, await Deno.open(`${worker.folder}/answers`));
    await calls.send(frame(PIPE, 0));
    return calls;
  }

  /** Sends raw bytes. */
  async send(...frames: Uint8Array[]): Promise<void> {
    let rest = concat(frames);
    while (rest.length > 0) rest = rest.subarray(await this.#connection.write(rest));
  }

  /** Reads the worker's next reply. */
  async next(): Promise<Reply> {
    const buffer = new Uint8Array(64 * 1024);
    while (true) {
      const length = this.#come.length < 4 ? NaN : 4 + view(this.#come).getUint32(0);
      if (this.#come.length >= length) {
        const frame = this.#come.subarray(0, length);
        this.#come = this.#come.slice(length);
        return reply(frame);
      }
      const count = await (this.#pipe ?? this.#connection).read(buffer);
      if (count === null) throw new Error("the worker closed the channel");
      this.#come = concat([this.#come, buffer.subarray(0, count)]);
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
    this.#pipe?.close();
  }
}

export function request(id: number, call: Call = {}): Uint8Array<ArrayBuffer> {
  const { method = "POST", target = "/", facts, headers = {}, body = "" } = call;
  const lines = Array.isArray(headers) ? headers : Object.entries(headers);
  const types = lines.filter(([name]) => name === "content-type").map(([, value]) => value);
  const others = lines.map(([name, value]) => `${name}: ${value}`);
  const head = encode([`${method} ${target}`, factsLine(facts), types.join(", "), ...others, ""].join("\n"));
  return frame(REQUEST, id, number(head.length), head, typeof body === "string" ? encode(body) : body);
}

export const cancel = (id: number): Uint8Array<ArrayBuffer> => frame(CANCEL, id);
export const done = (id: number): Uint8Array<ArrayBuffer> => frame(DONE, id);

/** The text of a reply's body. */
export const text = ({ body }: Reply): string => new TextDecoder().decode(body);

function reply(bytes: Uint8Array<ArrayBuffer>): Reply {
  const id = view(bytes).getUint32(5);
  if (bytes[4] !== ANSWER) return { id, held: true, status: 0, head: "", body: new Uint8Array() };
  const body = 15 + view(bytes).getUint32(11);
  return {
    id,
    held: false,
    status: view(bytes).getUint16(9),
    head: new TextDecoder().decode(bytes.subarray(15, body)),
    body: bytes.slice(body),
  };
}

function frame(kind: number, id: number, ...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const rest = concat([Uint8Array.of(kind), number(id), ...parts]);
  return concat([number(rest.length), rest]);
}

function number(value: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  view(bytes).setUint32(0, value);
  return bytes;
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encode(value: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(value);
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
