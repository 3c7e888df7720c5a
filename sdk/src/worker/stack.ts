/**
 * Stack traces without the worker's own frames, which say nothing to the author and would show the server's paths.
 *
 * Frames of the bundle stay as `blob:null/<uuid>:<line>:<column>`: the engine, which has the source map, leads them
 * back to the author's files. A bundle that brings its map inline has sources that begin with `function:///`;
 * Deno applies that map, and here only the prefix goes.
 *
 * @module
 */
import { includes, NativeError, replaceAll, slice, split } from "./primordials.ts";

/** How an inline source map names the upload's root; Deno ignores relative sources in a blob. */
const SOURCE_ROOT = "function:///";

/** The folder of the worker's own files. */
const PLATFORM_FILES = slice(import.meta.url, 0, import.meta.url.lastIndexOf("/") + 1);

/** The stack of an error, or its text when it has none. */
export function readableStack(error: unknown): string {
  let stack: unknown;
  try {
    stack = error instanceof NativeError ? error.stack ?? `${error.name}: ${error.message}` : String(error);
  } catch {
    stack = "unknown error";
  }
  if (typeof stack !== "string") return "unknown error";
  const lines = split(stack, "\n");
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
