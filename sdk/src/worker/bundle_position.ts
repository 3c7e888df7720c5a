/**
 * Finds functions in the bundle by their source text.
 *
 * A stack at the time of the definition would be simpler, but it makes V8 parse the whole bundle again: 100 ms of each
 * cold start with a bundle of 8 MB.
 *
 * @module
 */
import { decodeComponent, functionToString, indexOf } from "./primordials.ts";

const { readTextFileSync } = Deno;

let bundle: { readonly url: string; readonly path: string } | null = null;

/** Sets the URL of the bundle. Called before the function's code runs. */
export function setBundle(url: string): void {
  bundle = { url, path: decodeComponent(new URL(url).pathname) };
}

/** Returns the position of a function in the bundle, or `null` if it is not found. Reads the whole bundle. */
export function positionOf(fn: (...args: never[]) => unknown): string | null {
  if (bundle === null) return null;
  let text: string;
  try {
    text = readTextFileSync(bundle.path);
  } catch {
    return null;
  }
  const start = indexOf(text, functionToString(fn));
  if (start < 0) return null;
  let line = 1;
  let lineStart = 0;
  for (let end = indexOf(text, "\n"); end >= 0 && end < start; end = indexOf(text, "\n", lineStart)) {
    line++;
    lineStart = end + 1;
  }
  return `${bundle.url}:${line}:${start - lineStart + 1}`;
}
