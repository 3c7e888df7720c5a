/**
 * Log lines: one JSON object a line on standard output, where the engine collects them.
 *
 * @module
 */
import { currentContext } from "./current.ts";
import { renderArgument } from "./log_value.ts";
import { byteLength, encode, NativeDate, slice, stringify, toISOString, writeStdout } from "./primordials.ts";

/** How serious a line is. */
export type Level = "INFO" | "WARN" | "ERROR" | "DEBUG";

/** The longest line, in bytes, its newline included, unless the engine says otherwise. */
export const LOG_LINE_BYTES = 16 * 1024;

/** What every line of this process carries, and how long it may be. */
const origin: { function: string | null; company: string | null; lineBytes: number } = {
  function: null,
  company: null,
  lineBytes: LOG_LINE_BYTES,
};

/** Tells whose lines these are, and how long they may be, once it is known. */
export function setLogOrigin(functionSlug: string, companyId: string | null, lineBytes?: number): void {
  origin.function = functionSlug;
  origin.company = companyId;
  if (lineBytes !== undefined) origin.lineBytes = lineBytes;
}

/** Writes a line that belongs to the current request. Never throws. */
export function log(level: Level, args: readonly unknown[]): void {
  const context = currentContext();
  logFor(context?.requestId ?? null, context?.company.id ?? origin.company, level, args);
}

/** Writes a line that belongs to the given request. Never throws. */
export function logFor(
  requestId: string | null,
  company: string | null,
  level: Level,
  args: readonly unknown[],
): void {
  const head = `{"requestId":${stringify(requestId)},"function":${stringify(origin.function)},` +
    `"company":${stringify(company)},"timestamp":"${
      toISOString(new NativeDate())
    }","level":"${level}","args":[`;
  writeStdout(head + renderArguments(args, origin.lineBytes - utf8Length(head) - TAIL.length) + TAIL);
}

const TAIL = "]}\n";

/** Room for the note that says what was cut. */
const NOTE_BYTES = 88;

/** Renders arguments within a number of bytes; what does not fit is cut, and a last argument says so. */
function renderArguments(args: readonly unknown[], room: number): string {
  let text = "";
  let left = room;
  for (let index = 0; index < args.length; index++) {
    const { json, cut } = renderArgument(args[index], left - NOTE_BYTES);
    const size = utf8Length(json) + 1;
    const fits = size <= left - NOTE_BYTES || (!cut && size <= left && index === args.length - 1);
    const piece = fits ? json : shorten(json, left - NOTE_BYTES);
    if (piece !== "") text += text === "" ? piece : "," + piece;
    if (cut || !fits) return text + (text === "" ? "" : ",") + note();
    left -= size;
  }
  return text;
}

function note(): string {
  return `"[truncated: a line holds ${origin.lineBytes} bytes (limits.max_log_line_bytes)]"`;
}

/** The beginning of a rendered argument as a JSON string, in at most `room` bytes. */
function shorten(piece: string, room: number): string {
  let length = piece.length < room ? piece.length : room;
  while (length > 8) {
    const preview = stringify(slice(piece, piece[0] === '"' ? 1 : 0, length));
    const excess = utf8Length(preview) + 1 - room;
    if (excess <= 0) return preview;
    length -= excess > 1 ? (excess >> 1) + 1 : 1;
  }
  return "";
}

/** Bytes of a text in UTF-8. */
function utf8Length(text: string): number {
  return byteLength(encode(text));
}
