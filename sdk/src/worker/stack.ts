/**
 * Renders stack traces without the worker's own frames, which do not help the author and contain paths of the server.
 *
 * Frames of the bundle stay as `file://<folder>/.bundle.js:<line>:<column>`. The engine has the source map and converts
 * them to positions in the author's files. If a bundle has an inline source map, Deno applies it. The paths in that map
 * begin with `function:///`, and this module only removes this prefix.
 *
 * @module
 */
import {
  defineProperty,
  exec,
  getOwnPropertyDescriptor,
  includes,
  indexOf,
  isError,
  replaceAll,
  slice,
  split,
} from "./primordials.ts";

/** The prefix of paths in an inline source map. */
const SOURCE_ROOT = "function:///";

/** The folder of the worker's own files. */
const PLATFORM_FILES = slice(import.meta.url, 0, import.meta.url.lastIndexOf("/") + 1);

/** Maximum length of a stack, and of the message at its start, in characters. */
const MAX_STACK = 16_000;
const MAX_MESSAGE = 4_000;

/** Maximum length of a frame that is searched for a position, in characters. */
const MAX_FRAME = 2_000;

/** Returns the innermost position of a stack in the function's own code, or `null`. */
export function firstOwnFrame(holder: unknown): string | null {
  try {
    const stack = isError(holder) ? stackOf(holder) : (holder as { stack?: unknown }).stack;
    if (typeof stack !== "string") return null;
    const frames = indexOf(stack, FRAME);
    if (frames < 0) return null;
    const lines = split(slice(stack, frames + 1, frames + MAX_STACK), "\n");
    for (let index = 0; index < lines.length; index++) {
      const line = lines[index]!;
      const position = line.length > MAX_FRAME || isPlatformFrame(line) ? null : exec(POSITION, line);
      if (position !== null) return replaceAll(position[1]!, SOURCE_ROOT, "");
    }
  } catch {
    // The stack cannot be read.
  }
  return null;
}

/** Returns the stack of an error. Converts a value without a stack to text. */
export function readableStack(error: unknown): string {
  let stack: unknown;
  try {
    stack = isError(error) ? stackOf(error) ?? `${error.name}: ${error.message}` : String(error);
  } catch {
    stack = "unknown error";
  }
  if (typeof stack !== "string") return "unknown error";
  const lines = split(shortened(stack), "\n");
  let text = "";
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!;
    if (index > 0 && isPlatformFrame(line)) continue;
    text += (index === 0 ? "" : "\n") + replaceAll(line, SOURCE_ROOT, "");
  }
  return text;
}

function isPlatformFrame(line: string): boolean {
  return includes(line, PLATFORM_FILES) || includes(line, "(ext:") || includes(line, "at ext:") ||
    includes(line, "(node:") || includes(line, "at node:");
}

/**
 * Returns the stack of an error. The runtime copies the message when it builds the stack, so a long message
 * is temporarily replaced by a short one.
 */
function stackOf(error: Error): unknown {
  const message = getOwnPropertyDescriptor(error, "message");
  if (message === undefined || !message.configurable || typeof message.value !== "string") return error.stack;
  if (message.value.length <= MAX_MESSAGE) return error.stack;
  defineProperty(error, "message", { ...message, value: slice(message.value, 0, MAX_MESSAGE) + "…" });
  try {
    return error.stack;
  } finally {
    defineProperty(error, "message", message);
  }
}

/** Truncates a stack that is too long. A long message at its start is truncated first. */
function shortened(stack: string): string {
  if (stack.length <= MAX_STACK) return stack;
  const frames = indexOf(stack, FRAME);
  const head = frames < 0 ? stack.length : frames;
  if (head <= MAX_MESSAGE) return slice(stack, 0, MAX_STACK) + "…";
  const rest = frames < 0 ? "" : slice(stack, frames, frames + MAX_STACK - MAX_MESSAGE);
  return slice(stack, 0, MAX_MESSAGE) + "…" + rest;
}

/** Matches the position at the end of a stack frame. */
const POSITION = /([^\s()]+:\d+:\d+)\)?$/;

/** The start of a stack frame. */
const FRAME = "\n    at ";
