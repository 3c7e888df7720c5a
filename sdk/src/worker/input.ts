/**
 * A request's input: the value that is validated and passed to the handler as its first argument.
 *
 * | request | input |
 * |---|---|
 * | GET, HEAD | the query string as an object of strings |
 * | no body | `{}` |
 * | `application/json`, `...+json` | the parsed body; 400 if it does not parse |
 * | `application/x-www-form-urlencoded` | the fields as an object of strings; if the form is in fact JSON, the parsed JSON |
 * | a body without a content type | the parsed body if it is JSON, otherwise as in the last row |
 * | any other type except files and multipart, for a function with `input` | the parsed body if it is JSON, otherwise as in the last row |
 * | anything else | `undefined`; the body can be read from the third argument |
 *
 * A schema is never skipped: a body that gives no input is validated as `{}`. Otherwise a caller could bypass
 * the validation with another content type. A function for uploads has no `input`.
 *
 * @module
 */
import { invalidJson, type PlainAnswer, unsupportedCharset } from "./answers.ts";
import type { Incoming } from "./incoming.ts";
import {
  decode,
  decodeWith,
  endsWith,
  indexOf,
  matches,
  NativePromise,
  NativeTextDecoder,
  parse,
  replaceAll,
  slice,
  startsWith,
  toLowerCase,
  trim,
} from "./primordials.ts";
import { parseFields } from "./query.ts";

/** The result of reading a request. */
export interface Input {
  readonly value: unknown;
  /** The body if it was read; `null` if it can still be streamed. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /**
   * Whether the value comes from a query or a form. Each field is then a text, or a list if it was repeated.
   */
  readonly isFields: boolean;
  /** The content type of a body that was not read. */
  readonly unread: string | null;
}

/** A body that cannot be read, with the answer to the caller. */
export class Refused {
  readonly answer: PlainAnswer;
  constructor(answer: PlainAnswer) {
    this.answer = answer;
  }
}

type ReadInput = Input | Refused;

const NO_BODY: Input = { value: {}, bytes: null, isFields: false, unread: null };

/** The longest body that is tested for JSON without the content type of JSON. */
const MAX_GUESSED_BYTES = 1024 * 1024;

/** Types whose bodies are not JSON, and multipart, which is not parsed. */
const FILE_TYPE = /^(?:image|audio|video|font|multipart)\//;

/** Text that begins like a JSON object or list. */
const BEGINS_AS_JSON = /^\s*[{[]/;

/** Whether requests with this method have their input in the query string. */
export function takesQuery(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** The input of a request without a body. */
export function queryInput(query: unknown): Input {
  return { value: query, bytes: null, isFields: true, unread: null };
}

type Kind = "json" | "form" | "other";

/**
 * Reads the input from a request's body.
 *
 * @param keepBytes Whether the raw bytes must stay readable. Reading only text is faster.
 * @param isWanted Whether the function has an input schema.
 */
export function readBody(
  incoming: Incoming,
  keepBytes: boolean,
  isWanted: boolean,
): ReadInput | Promise<ReadInput> {
  const { contentType } = incoming;
  const type = mediaType(contentType);
  const kind: Kind = type === "application/json" || endsWith(type, "+json")
    ? "json"
    : type === "application/x-www-form-urlencoded"
    ? "form"
    : "other";
  if (kind === "other" && type !== "" && !(isWanted && mayBeJson(incoming, type))) {
    return incoming.hasBody() ? unread(type, null) : NO_BODY;
  }
  const charset = charsetOf(contentType);
  if (charset instanceof Refused) return charset;
  const body = keepBytes || charset !== null ? incoming.bytes() : incoming.text();
  return body instanceof NativePromise
    ? parseLater(body, charset, kind, type)
    : parseBody(body, charset, kind, type);
}

function mayBeJson(incoming: Incoming, type: string): boolean {
  if (matches(FILE_TYPE, type)) return false;
  return incoming.native === null ||
    Number(incoming.header("content-length") ?? Infinity) <= MAX_GUESSED_BYTES;
}

async function parseLater(
  body: Promise<Uint8Array<ArrayBuffer> | string>,
  charset: TextDecoder | null,
  kind: Kind,
  type: string,
): Promise<ReadInput> {
  return parseBody(await body, charset, kind, type);
}

function parseBody(
  body: Uint8Array<ArrayBuffer> | string,
  charset: TextDecoder | null,
  kind: Kind,
  type: string,
): ReadInput {
  const bytes = typeof body === "string" ? null : body;
  const text = typeof body === "string" ? body : charset === null ? decode(body) : decodeWith(charset, body);
  if (text === "") return { value: {}, bytes, isFields: false, unread: null };
  if (kind !== "json" && !(kind === "other" && type === "") && !matches(BEGINS_AS_JSON, text)) {
    return kind === "form" ? fields(text, bytes) : unread(type, bytes);
  }
  try {
    return { value: parse(text), bytes, isFields: false, unread: null };
  } catch {
    if (kind === "json") return new Refused(invalidJson());
    return kind === "form" ? fields(text, bytes) : unread(type, bytes);
  }
}

function fields(text: string, bytes: Uint8Array<ArrayBuffer> | null): Input {
  return { value: parseFields(text), bytes, isFields: true, unread: null };
}

function unread(type: string, bytes: Uint8Array<ArrayBuffer> | null): Input {
  return { value: undefined, bytes, isFields: false, unread: type };
}

/** Converts `Application/JSON; charset=utf-8` to `application/json`. */
function mediaType(header: string): string {
  if (header === "" || header === "application/json") return header;
  const end = indexOf(header, ";");
  return toLowerCase(trim(end < 0 ? header : slice(header, 0, end)));
}

/** The decoder of the charset, or `null` for UTF-8. */
function charsetOf(header: string): TextDecoder | null | Refused {
  if (header === "" || header === "application/json") return null;
  const lower = toLowerCase(header);
  const at = indexOf(lower, "charset=");
  if (at < 0) return null;
  const end = indexOf(lower, ";", at);
  const label = trim(replaceAll(slice(lower, at + "charset=".length, end < 0 ? lower.length : end), '"', ""));
  if (label === "utf-8" || label === "utf8" || startsWith(label, "us-ascii")) return null;
  try {
    return new NativeTextDecoder(label);
  } catch {
    return new Refused(unsupportedCharset());
  }
}
