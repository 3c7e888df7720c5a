/**
 * Standard output and standard error of the function. Each line becomes a log line with a level and the request's id.
 * Loggers such as pino and winston write to these streams.
 *
 * @module
 */
import type { Context } from "../context/context.ts";
import { currentContext } from "./current.ts";
import { type Level, logAs, logSettings } from "./log.ts";
import {
  byteLength,
  decodeStream,
  defineProperty,
  hasOwn,
  includes,
  indexOf,
  nativeSetTimeout,
  NativeTextDecoder,
  NativeWritableStream,
  parse,
  slice,
  toLowerCase,
} from "./primordials.ts";

/** A standard stream of the process. */
class Output {
  readonly #level: Level;
  readonly #decoder = new NativeTextDecoder();
  /** The start of a line whose end has not been written. */
  #pending = "";
  /** The context of the request that wrote the pending text. */
  #owner: Context | undefined;
  #isScheduled = false;

  constructor(level: Level) {
    this.#level = level;
  }

  /** Writes all bytes and returns their number. */
  write(bytes: Uint8Array): number {
    const owner = currentContext();
    if (owner !== this.#owner) this.#flush();
    this.#owner = owner;
    let text = this.#pending + decodeStream(this.#decoder, bytes);
    for (let end = indexOf(text, "\n"); end >= 0; end = indexOf(text, "\n")) {
      this.#writeLine(slice(text, 0, end));
      text = slice(text, end + 1);
    }
    this.#pending = text;
    if (text.length > logSettings().lineBytes) this.#flush();
    else if (text !== "") this.#schedule();
    return byteLength(bytes);
  }

  /** Writes the pending text as a line, if the code does not complete the line in this turn of the event loop. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    nativeSetTimeout(() => {
      this.#isScheduled = false;
      this.#flush();
    }, 0);
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text !== "") this.#writeLine(text);
  }

  /** Writes a log line. A JSON object is logged as an object, with the level in its field `level`. */
  #writeLine(line: string): void {
    const text = line[line.length - 1] === "\r" ? slice(line, 0, -1) : line;
    if (text === "") return;
    const fields = fieldsOf(text);
    const level = fields !== null && hasOwn(fields, "level") ? levelOf(fields.level) : null;
    logAs(this.#owner, level ?? this.#level, [fields ?? text]);
  }
}

/** Returns the fields of a line that is a JSON object, otherwise `null`. */
function fieldsOf(text: string): Record<string, unknown> | null {
  if (text[0] !== "{" || text[text.length - 1] !== "}") return null;
  try {
    return parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}

/** Converts the levels of loggers: the numbers of pino and bunyan, and the names of winston and others. */
function levelOf(level: unknown): Level | null {
  if (typeof level === "number") {
    return level >= 50 ? "ERROR" : level >= 40 ? "WARN" : level >= 30 ? "INFO" : "DEBUG";
  }
  if (typeof level !== "string") return null;
  const name = toLowerCase(level);
  if (includes(name, "err") || includes(name, "fatal") || includes(name, "crit")) return "ERROR";
  if (includes(name, "warn")) return "WARN";
  if (includes(name, "info") || includes(name, "notice")) return "INFO";
  return includes(name, "debug") || includes(name, "trace") || includes(name, "verbose") ? "DEBUG" : null;
}

const outputs = { 1: new Output("INFO"), 2: new Output("WARN") };

/** Returns the standard stream with this file descriptor, or `undefined` for any other value. */
export function outputOf(fd: unknown): Output | undefined {
  return fd === 1 || fd === 2 ? outputs[fd] : undefined;
}

/** Replaces the methods of the runtime's standard streams. Node's streams use them as well. */
export function captureOutput(): void {
  capture(Deno.stdout, outputs[1]);
  capture(Deno.stderr, outputs[2]);
}

function capture(stream: typeof Deno.stdout, output: Output): void {
  let writable: WritableStream<Uint8Array> | undefined;
  const properties = {
    writeSync: { writable: true, value: (bytes: Uint8Array): number => output.write(bytes) },
    write: {
      writable: true,
      value: (bytes: Uint8Array): Promise<number> => Promise.resolve(output.write(bytes)),
    },
    writable: {
      get: () =>
        writable ??= new NativeWritableStream({ write: (bytes: Uint8Array) => void output.write(bytes) }),
    },
  };
  for (const [name, property] of Object.entries(properties)) {
    defineProperty(stream, name, { enumerable: true, configurable: true, ...property });
  }
}
