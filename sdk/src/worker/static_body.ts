/**
 * Reads the body of a web `Response` that was created from text or bytes, without reading a stream.
 *
 * Deno stores the body under internal symbols. At startup, a check tests whether this module can read it. If not, every
 * `Response` is treated as a stream.
 *
 * @module
 */
import { getOwnPropertySymbols, NativeBlob, NativeReadableStream, NativeResponse } from "./primordials.ts";

/** A body in memory. `undefined` if the body must be read as a stream. */
type StaticBody = string | Uint8Array<ArrayBuffer> | null | undefined;

interface Inner {
  readonly body: { readonly streamOrStatic: unknown } | null;
}

const INNER = symbolOf("response");
const LAZY = symbolOf("lazy static body");
const isUnderstood = check();

/** Returns the body of a response that has not been read. */
export function staticBody(response: Response): StaticBody {
  return isUnderstood ? storedBody(response) : undefined;
}

function storedBody(response: Response): StaticBody {
  const state = response as unknown as Record<symbol, unknown>;
  const { body } = state[INNER!] as Inner;
  if (body === null) return (state[LAZY!] ?? null) as StaticBody;
  const { streamOrStatic } = body;
  if (streamOrStatic instanceof NativeReadableStream) return undefined;
  const content = (streamOrStatic as { body?: unknown }).body;
  return typeof content === "string" || content instanceof Uint8Array
    ? content as string | Uint8Array<ArrayBuffer>
    : undefined;
}

function symbolOf(description: string): symbol | undefined {
  return getOwnPropertySymbols(new NativeResponse()).find((symbol) => symbol.description === description);
}

/** Tests `storedBody` with every kind of body. */
function check(): boolean {
  if (INNER === undefined || LAZY === undefined) return false;
  const bytes = new Uint8Array([1, 2]);
  const touched = new NativeResponse("text", { headers: { a: "b" } });
  touched.headers.set("c", "d");
  try {
    return storedBody(new NativeResponse("text")) === "text" &&
      storedBody(new NativeResponse(null)) === null &&
      storedBody(NativeResponse.json({ a: 1 })) === '{"a":1}' && storedBody(new NativeResponse("")) === "" &&
      String(storedBody(new NativeResponse(bytes))) === "1,2" && storedBody(touched) === "text" &&
      storedBody(new NativeResponse(new NativeReadableStream())) === undefined &&
      storedBody(new NativeResponse(new NativeBlob(["text"]))) === undefined;
  } catch {
    return false;
  }
}
