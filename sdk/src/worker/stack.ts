/**
 * Stack traces as the function's author knows the code: their own files, without the worker's frames.
 *
 * The engine gives source maps whose sources start with `function:///`, and Deno applies them.
 *
 * @module
 */
import { includes, indexOf, NativeError, replaceAll, slice, split, startsWith } from "./primordials.ts";

/** How the engine's source maps name the upload's root. */
export const SOURCE_ROOT = "function:///";

/** The worker's own files; their frames say nothing to the author and would show the server's paths. */
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
    text += (index === 0 ? "" : "\n") + readableFrame(line);
  }
  return text;
}

/** Shows `function:///orders/index.ts:3:5` as `orders/index.ts:3:5`, and a blob as the bundle that it is. */
function readableFrame(line: string): string {
  const plain = replaceAll(line, SOURCE_ROOT, "");
  const at = indexOf(plain, BLOB);
  if (at < 0) return plain;
  const end = indexOf(plain, ":", at + BLOB.length);
  return end < 0 ? plain : slice(plain, 0, at) + "bundle.js" + slice(plain, end);
}

const BLOB = "blob:null/";

/** Whether a text begins as a path inside the upload. */
export const isSourcePath = (text: string): boolean => startsWith(text, SOURCE_ROOT);
