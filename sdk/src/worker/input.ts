/**
 * A request's input: the value that is validated and passed to the handler as its first argument.
 *
 * | request | input |
 * |---|---|
 * | GET, HEAD | the query string as an object of strings |
 * | no body | `{}` |
 * | `application/json`, `...+json` | the parsed body; 400 with the position of the error if it does not parse |
 * | `application/x-www-form-urlencoded` | the fields as an object of strings; if the body is JSON, the parsed JSON |
 * | a body without a content type | the parsed body if it is JSON, otherwise as in the last row |
 * | any other type except files and multipart, for a function with `input` | the parsed body if it is JSON, otherwise as in the last row |
 * | `multipart/...` without `boundary` | 400, because the body cannot be parsed without it |
 * | anything else | `undefined`; the handler can read the body from its third argument |
 *
 * A schema always validates: without an input, it validates `{}`. Otherwise a caller could bypass the validation with
 * another content type. A function for uploads has no `input`.
 *
 * @module
 */
import { invalidJson, type PlainAnswer, unsupportedCharset, validationFailed } from "./answers.ts";
import type { Incoming } from "./incoming.ts";
import { jsonFault, NOT_UTF8 } from "./json_fault.ts";
import {
  decode,
  decodeWith,
  endsWith,
  includes,
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
import { encodedInUtf8, parseFields } from "./query.ts";

/** The result of reading a request. */
export interface Input {
  readonly value: unknown;
  /** The bytes of the body, or `null` if they were not read or not kept. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
  /** Whether the value comes from a query or a form. Then each field is a text, or a list if it was repeated. */
  readonly isFields: boolean;
  /**
   * A hint that the caller may have sent the body in the wrong form. Callers see it only if the value does not match
   * the schema.
   */
  readonly note: Note | null;
}

/** Builds a hint about how a body was read. Called only when the hint is needed. */
export type Note = () => string | null;

/** The refusal of a body that cannot be read, with the answer to the caller. */
export class Refused {
  readonly answer: PlainAnswer;
  /** The reason for the log. It contains no parts of the body. */
  readonly reason: string;
  constructor(answer: PlainAnswer, reason: string) {
    this.answer = answer;
    this.reason = reason;
  }
}

type ReadInput = Input | Refused;

const NO_BODY: Input = { value: {}, bytes: null, isFields: false, note: null };

/** Maximum bytes of a body that is tested for JSON although its content type is not JSON. */
const MAX_GUESSED_BYTES = 1024 * 1024;

/** Content types of bodies that are never parsed as JSON. */
const FILE_TYPE = /^(?:image|audio|video|font|multipart)\//;

/** Text that begins like a JSON object or list. */
const BEGINS_AS_JSON = /^\s*[{[]/;

/** Whether the input of requests with this method is in the query string. */
export function takesQuery(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** Returns the input of a request without a body. */
export function queryInput(query: unknown, incoming: Incoming): Input {
  return { value: query, bytes: null, isFields: true, note: () => unreadBody(incoming) };
}

/** Why the body of a GET request is not the input (RFC 9110, section 9.3.1). */
function unreadBody(incoming: Incoming): string | null {
  const length = incoming.header("content-length") ?? "0";
  return length === "0" && incoming.header("transfer-encoding") === null ? null : UNREAD_BODY;
}

const UNREAD_BODY = "The body was not read, because the input of GET and HEAD is the query string. " +
  "Send the fields in the query string, or the body with POST";

type Kind = "json" | "form" | "other";

/**
 * Reads the input from a request's body.
 *
 * @param keepBytes Whether the raw bytes must stay readable. Without them, the body is read as text, which is faster.
 * @param hasSchema Whether the function has an input schema.
 */
export function readBody(
  incoming: Incoming,
  keepBytes: boolean,
  hasSchema: boolean,
): ReadInput | Promise<ReadInput> {
  const { contentType } = incoming;
  const type = mediaType(contentType);
  const kind: Kind = type === "application/json" || endsWith(type, "+json")
    ? "json"
    : type === "application/x-www-form-urlencoded"
    ? "form"
    : "other";
  if (kind === "other" && type !== "" && !(hasSchema && mayBeJson(incoming, type))) {
    if (!incoming.hasBody()) return NO_BODY;
    return lacksBoundary(type, contentType) ? withoutBoundary(type) : unread(type, null, "");
  }
  const charset = charsetOf(contentType);
  if (charset instanceof Refused) return charset;
  // Over HTTP, a body can be read only once, and JSON may need a check of its bytes.
  const asBytes = keepBytes || charset !== null || (kind === "json" && incoming.native !== null);
  const body = asBytes ? incoming.bytes() : incoming.text();
  const read: Reading = { incoming, keepBytes, charset, kind, type };
  return body instanceof NativePromise ? parseLater(body, read) : parseBody(body, read);
}

interface Reading {
  readonly incoming: Incoming;
  readonly keepBytes: boolean;
  readonly charset: TextDecoder | null;
  readonly kind: Kind;
  readonly type: string;
}

function mayBeJson(incoming: Incoming, type: string): boolean {
  if (matches(FILE_TYPE, type)) return false;
  return incoming.native === null ||
    Number(incoming.header("content-length") ?? Infinity) <= MAX_GUESSED_BYTES;
}

async function parseLater(
  body: Promise<Uint8Array<ArrayBuffer> | string>,
  reading: Reading,
): Promise<ReadInput> {
  return parseBody(await body, reading);
}

function parseBody(body: Uint8Array<ArrayBuffer> | string, reading: Reading): ReadInput {
  const { charset, kind, type } = reading;
  const text = typeof body === "string" ? body : charset === null ? decode(body) : decodeWith(charset, body);
  if (kind === "json" && charset === null && includes(text, REPLACEMENT) && !isUtf8(body, reading.incoming)) {
    return new Refused(invalidJson(NOT_UTF8), `the body is not JSON: ${NOT_UTF8}`);
  }
  const bytes = typeof body === "string" || !(reading.keepBytes || charset !== null) ? null : body;
  if (text === "") return { value: {}, bytes, isFields: false, note: kind === "json" ? EMPTY : null };
  if (kind !== "json" && !(kind === "other" && type === "") && !matches(BEGINS_AS_JSON, text)) {
    return kind === "form" ? fields(text, bytes, charset) : unread(type, bytes, text);
  }
  try {
    return { value: parse(text), bytes, isFields: false, note: null };
  } catch {
    if (kind === "json") return notJson(text);
    return kind === "form" ? fields(text, bytes, charset) : unread(type, bytes, text);
  }
}

/** The character that the decoder writes in place of bytes that are not UTF-8. The text itself may also contain it. */
const REPLACEMENT = "\uFFFD";

function isUtf8(body: Uint8Array | string, incoming: Incoming): boolean {
  const bytes = typeof body === "string" ? incoming.bytes() as Uint8Array : body;
  try {
    decodeWith(new NativeTextDecoder("utf-8", { fatal: true }), bytes);
    return true;
  } catch {
    return false;
  }
}

function notJson(text: string): Refused {
  const fault = jsonFault(text);
  return new Refused(invalidJson(fault), `the body is not JSON: ${fault}`);
}

const SEND_JSON = "Send JSON with the header `content-type: application/json` " +
  "(curl: -H 'content-type: application/json')";

const EMPTY: Note = () => "The body is empty, but its Content-Type is JSON";

function fields(text: string, bytes: Uint8Array<ArrayBuffer> | null, charset: TextDecoder | null): Input {
  const note = matches(BEGINS_AS_JSON, text)
    ? () =>
      "The body was read as a form, because its Content-Type is application/x-www-form-urlencoded. " +
      `It looks like JSON, but ${jsonFault(text)}. ${SEND_JSON}`
    : indexOf(text, "=") < 0
    ? () =>
      "The body was read as a form, because its Content-Type is application/x-www-form-urlencoded, " +
      `and has no name=value. ${SEND_JSON}`
    : null;
  const encoded = charset === null ? text : encodedInUtf8(text, charset);
  return { value: parseFields(encoded), bytes, isFields: true, note };
}

function unread(type: string, bytes: Uint8Array<ArrayBuffer> | null, text: string): Input {
  const note = () => {
    const named = type === "" ? "it has no Content-Type" : `its Content-Type is ${type}`;
    const why = matches(FILE_TYPE, type)
      ? "which gives no input"
      : matches(BEGINS_AS_JSON, text)
      ? `and it is not JSON: ${jsonFault(text)}`
      : "and it is not JSON";
    return `The body was not read: ${named}, ${why}. ${SEND_JSON}`;
  };
  return { value: undefined, bytes, isFields: false, note };
}

/** Whether the required parameter `boundary` of a multipart type is missing (RFC 2046, section 5.1.1). */
function lacksBoundary(type: string, header: string): boolean {
  return startsWith(type, "multipart/") && !matches(/;\s*boundary\s*=\s*[^\s;]/i, header);
}

function withoutBoundary(type: string): Refused {
  const message = `The Content-Type ${type} has no boundary, so the body cannot be read. ` +
    "Leave the header to the client: fetch with a FormData, or curl -F, set it with the boundary";
  return new Refused(
    validationFailed([{ path: [], message, code: "custom" }]),
    "the multipart Content-Type has no boundary",
  );
}

/** Converts `Application/JSON; charset=utf-8` to `application/json`. */
function mediaType(header: string): string {
  if (header === "" || header === "application/json") return header;
  const end = indexOf(header, ";");
  return toLowerCase(trim(end < 0 ? header : slice(header, 0, end)));
}

/** Returns the decoder of the charset, or `null` for UTF-8. */
function charsetOf(header: string): TextDecoder | null | Refused {
  if (header === "" || header === "application/json") return null;
  const lower = toLowerCase(header);
  const at = indexOf(lower, "charset=");
  if (at < 0) return null;
  const end = indexOf(lower, ";", at);
  const label = trim(replaceAll(slice(lower, at + "charset=".length, end < 0 ? lower.length : end), '"', ""));
  if (label === "" || label === "utf-8" || label === "utf8" || startsWith(label, "us-ascii")) return null;
  try {
    return new NativeTextDecoder(label);
  } catch {
    return new Refused(unsupportedCharset(), "the body's charset is not supported");
  }
}
