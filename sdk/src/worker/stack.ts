/**
 * Stack traces without the worker's own frames, which say nothing to the author and would show the server's paths.
 *
 * Frames of the bundle stay as `blob:null/<uuid>:<line>:<column>`: the engine, which has the source map, leads them
 * back to the author's files. A bundle that brings its map inline has sources that begin with `function:///`;
 * Deno applies that map, and here only the prefix goes.
 *
 * @module
 */
import {
  defineProperty,
  getOwnPropertyDescriptor,
  includes,
  indexOf,
  isError,
  replaceAll,
  slice,
  split,
} from "./primordials.ts";

/** How an inline source map names the upload's root; Deno ignores relative sources in a blob. */
const SOURCE_ROOT = "function:///";

/** The folder of the worker's own files. */
const PLATFORM_FILES = slice(import.meta.url, 0, import.meta.url.lastIndexOf("/") + 1);

/** Characters of a stack and of the message at its head that are shown. */
const MAX_STACK = 16_000;
const MAX_MESSAGE = 4_000;

/** The stack of an error, or its text when it has none. */
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
    if (
      index > 0 && (includes(line, PLATFORM_FILES) || includes(line, "(ext:") || includes(line, "at ext:"))
    ) {
      continue;
    }
    text += (index === 0 ? "" : "\n") + replaceAll(line, SOURCE_ROOT, "");
  }
  return text;
}

/** The runtime copies the message whenever it makes the text of a stack: most of a long one is put aside for that. */
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

/** A stack without most of a message that is longer than it should be. */
function shortened(stack: string): string {
  if (stack.length <= MAX_STACK) return stack;
  const frames = indexOf(stack, FRAME);
  const head = frames < 0 ? stack.length : frames;
  if (head <= MAX_MESSAGE) return slice(stack, 0, MAX_STACK);
  const rest = frames < 0 ? "" : slice(stack, frames, frames + MAX_STACK - MAX_MESSAGE);
  return slice(stack, 0, MAX_MESSAGE) + "…" + rest;
}

/** How the first frame begins. */
const FRAME = "\n    at ";
