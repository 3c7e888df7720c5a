/**
 * The call channel: one connection that carries many requests and answers at a time. Their bodies are in memory.
 *
 * HTTP between gateway and worker would take more CPU time than most functions. The channel therefore reads requests in
 * batches and writes answers in batches. A frame consists of its length (32 bits), its kind, the number of the call (32
 * bits) and content that depends on the kind. All numbers are big-endian.
 *
 * | from the gateway | meaning |
 * |---|---|
 * | `REQUEST` | length of the head (32 bits), head, body. The head is text in lines, each with a newline: `METHOD target`, the {@link CallFacts}, the content type, and a `name: value` for each header. |
 * | `CANCEL` | The caller of that request has disconnected. |
 * | `DONE` | The held answer to that request was delivered. |
 * | `PIPE` | From now on, write answers to the pipe with that number. Writing to a pipe saves a turn of the event loop. |
 * | `RECEIPT` | The engine has received the `WORK` frame with that receipt number. |
 *
 * | from the worker | meaning |
 * |---|---|
 * | `ANSWER` | status (16 bits), length of the head (32 bits), head of `name: value` lines, body |
 * | `HELD` | The body is a stream or too long. The gateway requests the answer over HTTP, with `x-jelou-held` and the request's id. |
 * | `WORK` | The request whose id follows has work that continues after its answer. The number is a receipt number, or 0 if no receipt is needed. |
 * | `WORKED` | The work of the request whose id follows has ended. |
 *
 * @module
 */
import { type Answer, internalError, type PlainAnswer, toResponse } from "./answers.ts";
import { ChannelRequest } from "./channel_request.ts";
import type { Incoming } from "./incoming.ts";
import { serveSocket } from "./listener.ts";
import { log } from "./log.ts";
import {
  byteLength,
  cancelStream,
  copyWithin,
  decode,
  encodeInto,
  mapDelete,
  mapGet,
  mapSet,
  NativeMap,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  now,
  responseBody,
  responseBodyUsed,
  responseHeaders,
  responseStatus,
  setBytes,
  subarray,
  writeSync,
} from "./primordials.ts";
import { OpenRequests } from "./open_requests.ts";
import { listOf } from "./result.ts";
import { staticBody } from "./static_body.ts";
import { addReporter, removeReporter, type Reporter, takeReceipt } from "./work_reports.ts";

const REQUEST = 1;
const CANCEL = 2;
const DONE = 3;
const PIPE = 4;
const RECEIPT = 5;
const ANSWER = 1;
const HELD = 2;
const WORK = 3;
const WORKED = 4;

/** Initial size of a buffer in bytes. Larger frames get a larger buffer. */
const BUFFER_BYTES = 64 * 1024;
/** Maximum length of an answer's head and body, in bytes or UTF-16 units. A longer answer goes over HTTP. */
const MAX_HEAD = 16 * 1024;
const MAX_BODY = 64 * 1024;
/** Bytes of an `ANSWER` frame before its head. */
const ANSWER_HEADER = 15;
/** Number of microtask turns that running handlers get before the channel handles more requests. */
const TURNS = 8;

const { exit, openSync } = Deno;
const JSON_HEAD = new TextEncoder().encode("content-type: application/json\n");

/** Long or streamed answers that the gateway has not requested over HTTP yet, by the id of the request. */
const held = new NativeMap<string, Response>();

/** Answers one request. Never throws. */
type Invoke = (incoming: Incoming) => Promise<Answer>;

/**
 * Listens on the socket for the life of the process.
 *
 * @param pipes Paths of the pipes for answers.
 */
export function serveCalls(path: string, pipes: readonly string[], invoke: Invoke): void {
  // The pipe is also opened for reading. Otherwise `open` would block until the engine opens the other end.
  const opened = pipes.map((pipe) => openSync(pipe, { read: true, write: true }));
  serveSocket(path, (connection) => new Channel(connection, opened, invoke).run());
}

/** Returns the held answer to a request and removes it. */
export function takeHeld(requestId: string): Response | undefined {
  const response = mapGet(held, requestId);
  mapDelete(held, requestId);
  return response;
}

/** One connection of the call channel. */
class Channel implements Reporter {
  readonly #connection: Deno.UnixConn;
  readonly #pipes: readonly Deno.FsFile[];
  #pipe: Deno.FsFile | undefined;
  readonly #invoke: Invoke;
  /** Requests that have no answer yet, and requests whose answer is in {@link held}. */
  readonly #open = new OpenRequests();
  #input = new NativeUint8Array(BUFFER_BYTES);
  #filled = 0;
  #reading = false;
  #output = new NativeUint8Array(BUFFER_BYTES);
  #used = 0;
  /** The other output buffer. It is filled while the first one is written. */
  #spare = new NativeUint8Array(BUFFER_BYTES);
  #writing = false;

  constructor(connection: Deno.UnixConn, pipes: readonly Deno.FsFile[], invoke: Invoke) {
    this.#connection = connection;
    this.#pipes = pipes;
    this.#invoke = invoke;
    addReporter(this);
  }

  async run(): Promise<void> {
    try {
      while (await this.#receive());
    } catch (error) {
      if (!this.#reading) {
        // The error is in this code. The channel no longer reads, so open calls would wait for their timeout. After the
        // exit, the engine starts another process.
        try {
          log("ERROR", [error]);
        } finally {
          exit(1);
        }
      }
      // The engine has ended, and this process ends with it.
    }
    removeReporter(this);
    for (let request = this.#open.take(); request !== null; request = this.#open.take()) {
      this.#cancel(request);
    }
  }

  /** Reads once, and starts to handle all complete requests. Returns `false` at the end of the connection. */
  async #receive(): Promise<boolean> {
    const room = this.#filled === 0 ? this.#input : subarray(this.#input, this.#filled);
    this.#reading = true;
    const count = await this.#connection.read(room);
    this.#reading = false;
    if (count === null) return false;
    this.#filled += count;
    let start = 0;
    let since = 0;
    while (this.#filled - start >= 4) {
      const next = start + 4 + readUint32(this.#input, start);
      if (next > this.#filled) {
        this.#makeRoom(next - start);
        break;
      }
      if (since === 0 && next < this.#filled) since = now();
      this.#take(start + 4, next);
      start = next;
      // Lets the first requests run before the last one is parsed.
      if (start < this.#filled && now() !== since) {
        for (let turn = 0; turn < TURNS; turn++) await undefined;
        since = now();
      }
    }
    if (start > 0 && start < this.#filled) copyWithin(this.#input, 0, start, this.#filled);
    this.#filled -= start;
    return true;
  }

  #makeRoom(frame: number): void {
    if (frame <= byteLength(this.#input)) return;
    const larger = new NativeUint8Array(frame);
    setBytes(larger, subarray(this.#input, 0, this.#filled));
    this.#input = larger;
  }

  #take(start: number, end: number): void {
    const id = readUint32(this.#input, start + 1);
    if (this.#input[start] === REQUEST) {
      const body = start + 9 + readUint32(this.#input, start + 5);
      const head = decode(subarray(this.#input, start + 9, body));
      this.#begin(new ChannelRequest(id, head, subarray(this.#input, body, end), this));
      return;
    }
    const kind = this.#input[start];
    if (kind === PIPE) this.#pipe = this.#pipes[id];
    else if (kind === RECEIPT) takeReceipt(id);
    else if (kind === CANCEL || kind === DONE) {
      const request = this.#open.find(id);
      if (request === null) return;
      this.#open.remove(request);
      if (kind === CANCEL) this.#cancel(request);
    }
  }

  async #begin(request: ChannelRequest): Promise<void> {
    this.#open.add(request);
    const answering = this.#invoke(request);
    request.keep();
    const answer = await answering;
    try {
      this.#answer(request, answer);
    } catch (error) {
      log("ERROR", [error]);
      this.#answer(request, internalError());
    }
  }

  #answer(request: ChannelRequest, answer: Answer): void {
    if (request.isAborted()) {
      drop(answer);
      return;
    }
    const isResponse = answer instanceof NativeResponse;
    checkStatus(isResponse ? responseStatus(answer) : answer.status);
    const plain = isResponse ? plainAnswer(answer) : answer;
    const head = plain === null || plain.headers === null ? "" : headText(plain.headers);
    if (plain !== null && head.length <= MAX_HEAD && bodyLength(plain) <= MAX_BODY) {
      this.#open.remove(request);
      this.#write(request.id, plain, head);
    } else this.#hold(request, answer);
    if (!this.#writing) this.#writeSoon();
  }

  #hold(request: ChannelRequest, answer: Answer): void {
    mapSet(held, request.facts.requestId, toResponse(answer));
    this.#writeFrame(HELD, request.id, "");
  }

  reportWork(requestId: string, receipt: number): void {
    this.#writeFrame(WORK, receipt, requestId);
    if (!this.#writing) this.#writeSoon();
  }

  reportWorked(requestId: string): void {
    this.#writeFrame(WORKED, 0, requestId);
    if (!this.#writing) this.#writeSoon();
  }

  /** Adds a frame with ASCII content to the output. */
  #writeFrame(kind: number, id: number, content: string): void {
    const { length } = content;
    this.#reserve(9 + length);
    writeUint32(this.#output, this.#used, 5 + length);
    this.#output[this.#used + 4] = kind;
    writeUint32(this.#output, this.#used + 5, id);
    if (length > 0) encodeInto(content, subarray(this.#output, this.#used + 9));
    this.#used += 9 + length;
  }

  #cancel(request: ChannelRequest): void {
    const answer = takeHeld(request.facts.requestId);
    if (answer !== undefined) drop(answer);
    request.abort();
  }

  #write(id: number, answer: PlainAnswer, head: string): void {
    const { headers, body } = answer;
    // A UTF-16 unit has at most three bytes in UTF-8.
    this.#reserve(ANSWER_HEADER + byteLength(JSON_HEAD) + head.length * 3 + bodyLength(answer) * 3);
    const start = this.#used;
    let at = start + ANSWER_HEADER;
    if (headers === null) {
      setBytes(this.#output, JSON_HEAD, at);
      at += byteLength(JSON_HEAD);
    } else at += encodeInto(head, subarray(this.#output, at));
    const bodyStart = at;
    if (typeof body === "string") at += encodeInto(body, subarray(this.#output, at));
    else if (body !== null) {
      setBytes(this.#output, body, at);
      at += byteLength(body);
    }
    writeUint32(this.#output, start, at - start - 4);
    this.#output[start + 4] = ANSWER;
    writeUint32(this.#output, start + 5, id);
    this.#output[start + 9] = answer.status >>> 8;
    this.#output[start + 10] = answer.status;
    writeUint32(this.#output, start + 11, bodyStart - start - ANSWER_HEADER);
    this.#used = at;
  }

  #reserve(bytes: number): void {
    if (this.#used + bytes <= byteLength(this.#output)) return;
    const larger = new NativeUint8Array(2 * (this.#used + bytes));
    setBytes(larger, subarray(this.#output, 0, this.#used));
    this.#output = larger;
  }

  /**
   * Waits one turn, so that answers that complete together are written together. Then writes the output until it is
   * empty.
   */
  async #writeSoon(): Promise<void> {
    this.#writing = true;
    await undefined;
    try {
      while (this.#used > 0) {
        const output = this.#output;
        const end = this.#used;
        this.#output = this.#spare;
        this.#used = 0;
        for (let at = 0; at < end;) {
          const rest = subarray(output, at, end);
          at += this.#pipe === undefined ? await this.#connection.write(rest) : writeSync(this.#pipe, rest);
        }
        // Replaces a buffer that grew for a large answer, to free its memory.
        this.#spare = byteLength(output) > BUFFER_BYTES ? new NativeUint8Array(BUFFER_BYTES) : output;
      }
    } catch {
      // The engine has ended, and this process ends with it.
    }
    this.#writing = false;
  }
}

/** Checks the status of an answer. With any other status, the gateway would end all calls of this channel. */
function checkStatus(status: number): void {
  if (status >= 200 && status <= 599) return;
  throw new NativeTypeError(`A response with the status ${status} cannot be sent`);
}

/** Returns an answer with its body in memory, or `null` if the body must be read as a stream. */
function plainAnswer(response: Response): PlainAnswer | null {
  const status = responseStatus(response);
  if (responseBodyUsed(response)) {
    throw new NativeTypeError("The body of this response has been read already");
  }
  const body = staticBody(response);
  return body === undefined ? null : { status, headers: listOf(responseHeaders(response)), body };
}

/** Returns the length of the body in bytes, or of text in UTF-16 units. */
function bodyLength({ body }: PlainAnswer): number {
  return body === null ? 0 : typeof body === "string" ? body.length : byteLength(body);
}

function headText(headers: ReadonlyArray<readonly [name: string, value: string]>): string {
  let text = "";
  for (let index = 0; index < headers.length; index++) {
    text += `${headers[index]![0]}: ${headers[index]![1]}\n`;
  }
  return text;
}

/** Releases an answer whose caller has disconnected. */
function drop(answer: Answer): void {
  if (answer instanceof NativeResponse && !responseBodyUsed(answer)) cancelStream(responseBody(answer));
}

function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
