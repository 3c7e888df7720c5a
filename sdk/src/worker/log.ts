/**
 * Log lines: the worker writes one JSON object per line to standard output, and the engine collects them.
 *
 * @module
 */
import type { Context } from "../context/context.ts";
import { currentContext } from "./current.ts";
import { bindingHint } from "./handlers/bindings.ts";
import { renderArgument } from "./log_value.ts";
import {
  byteLength,
  encode,
  NativeDate,
  NativeWeakSet,
  slice,
  stringify,
  toISOString,
  toWellFormed,
  weakSetAdd,
  weakSetHas,
  writeStdout,
} from "./primordials.ts";

export type Level = "INFO" | "WARN" | "ERROR" | "DEBUG";

const RANKS: Readonly<Record<Level, number>> = { DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3 };

/** The default maximum of a line in bytes, including its newline. The engine can set another maximum. */
export const LOG_LINE_BYTES = 16 * 1024;

/**
 * The fields that all lines of this process have in common, the maximum length of a line in bytes, and the lowest
 * level.
 */
const settings: { function: string | null; company: string | null; lineBytes: number; least: number } = {
  function: null,
  company: null,
  lineBytes: LOG_LINE_BYTES,
  least: RANKS.DEBUG,
};

/** Sets the fields of all lines and the maximum length of a line in bytes. */
export function setLogSettings(functionSlug: string, companyId: string | null, lineBytes?: number): void {
  settings.function = functionSlug;
  settings.company = companyId;
  if (lineBytes !== undefined) settings.lineBytes = lineBytes;
}

/** Sets the lowest level. Lines below it are not written. */
export function setLogLevel(level: Level): void {
  settings.least = RANKS[level];
}

/** Returns the maximum length of a line in bytes. */
export function logSettings(): { readonly lineBytes: number } {
  return settings;
}

/** Writes a line for the current request. Never throws. */
export function log(level: Level, args: readonly unknown[]): void {
  logAs(currentContext(), level, args);
}

/** Writes a line for a request, or for no request. Never throws. */
export function logAs(context: Context | undefined, level: Level, args: readonly unknown[]): void {
  if (level === "ERROR" && context !== undefined) weakSetAdd(failed, context);
  if (RANKS[level] < settings.least) return;
  const hint = level === "ERROR" ? hintOf(args) : null;
  const shown = hint === null ? args : [...args, hint];
  logFor(context?.requestId ?? null, context?.company.id ?? settings.company, level, shown);
}

/** The contexts of requests that have logged an error. */
const failed = new NativeWeakSet<object>();

/** Whether a request has logged an error. */
export function hasLoggedError(context: object): boolean {
  return weakSetHas(failed, context);
}

function hintOf(args: readonly unknown[]): string | null {
  for (let index = 0; index < args.length; index++) {
    const hint = bindingHint(args[index]);
    if (hint !== null) return hint;
  }
  return null;
}

/** Writes a line for the request with this id. Never throws. */
export function logFor(
  requestId: string | null,
  company: string | null,
  level: Level,
  args: readonly unknown[],
): void {
  const head = `{"requestId":${stringify(requestId)},"function":${stringify(settings.function)},` +
    `"company":${stringify(company)},"timestamp":"${
      toISOString(new NativeDate())
    }","level":"${level}","args":[`;
  writeStdout(head + renderArguments(args, settings.lineBytes - utf8Length(head) - TAIL.length) + TAIL);
}

const TAIL = "]}\n";

/** Bytes that are reserved for the note about truncated arguments. */
const NOTE_BYTES = 88;

/**
 * Renders arguments in at most `room` bytes. If they do not fit, truncates them and adds a note as the last argument.
 */
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
  return `"[truncated: a line holds ${settings.lineBytes} bytes (limits.max_log_line_bytes, the server's)]"`;
}

/** Truncates a rendered argument and returns it as a JSON string of at most `room` bytes. It ends with `…`. */
function shorten(piece: string, room: number): string {
  let length = piece.length < room ? piece.length : room;
  while (length > 8) {
    const preview = stringify(toWellFormed(slice(piece, piece[0] === '"' ? 1 : 0, length)) + "…");
    const excess = utf8Length(preview) + 1 - room;
    if (excess <= 0) return preview;
    length -= excess > 1 ? (excess >> 1) + 1 : 1;
  }
  return "";
}

/** Returns the length of a text in UTF-8 bytes. */
function utf8Length(text: string): number {
  return byteLength(encode(text));
}
