/**
 * A request's input: what is validated and given to the handler as its first argument.
 *
 * | request | input |
 * |---|---|
 * | GET, HEAD | the query string as an object of strings |
 * | no body | `{}` |
 * | `application/json`, `...+json` | the parsed body; 400 when it does not parse |
 * | `application/x-www-form-urlencoded` | the fields as an object of strings |
 * | a body without a content type | the parsed body when it is JSON, else as below |
 * | anything else: multipart, text, bytes | `undefined`; the body is left unread in the third argument |
 *
 * A schema is never skipped: a body that gives no input is checked as `{}`. Otherwise a caller could get
 * around the validation by naming another content type. A function for uploads leaves `input` out.
 *
 * @module
 */
import type { Incoming } from "./incoming.ts";
import { decode, endsWith, indexOf, NativePromise, parse, slice, toLowerCase, trim } from "./primordials.ts";
import { parseFields } from "./query.ts";

/** What was read from a request. */
export interface Input {
  readonly value: unknown;
  /** The body, when it had to be read; `null` when it is still to be streamed. */
  readonly bytes: Uint8Array<ArrayBuffer> | null;
}

/** The body says that it is JSON, and is not. */
export const INVALID_JSON: unique symbol = Symbol("invalid JSON");

/** What reading gives. */
type ReadInput = Input | typeof INVALID_JSON;

const NO_BODY: Input = { value: {}, bytes: null };
const UNREAD: Input = { value: undefined, bytes: null };

/** Whether requests with this method take their input from the query string. */
export function takesQuery(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/**
 * Reads the input from a request's body.
 *
 * @param keepBytes Whether the body must still be readable, byte for byte; text alone is quicker.
 */
export function readBody(incoming: Incoming, keepBytes: boolean): ReadInput | Promise<ReadInput> {
  const type = mediaType(incoming.contentType);
  const json = type === "application/json" || endsWith(type, "+json");
  const form = type === "application/x-www-form-urlencoded";
  if (!json && !form && type !== "") {
    return incoming.hasBody() ? UNREAD : NO_BODY;
  }
  const body = keepBytes ? incoming.bytes() : incoming.text();
  return body instanceof NativePromise ? parseLater(body, json, form) : parseBody(body, json, form);
}

async function parseLater(
  body: Promise<Uint8Array<ArrayBuffer> | string>,
  json: boolean,
  form: boolean,
): Promise<ReadInput> {
  return parseBody(await body, json, form);
}

function parseBody(body: Uint8Array<ArrayBuffer> | string, json: boolean, form: boolean): ReadInput {
  const bytes = typeof body === "string" ? null : body;
  const text = typeof body === "string" ? body : decode(body);
  if (text === "") return { value: {}, bytes };
  if (form) return { value: parseFields(text), bytes };
  try {
    return { value: parse(text), bytes };
  } catch {
    return json ? INVALID_JSON : { value: undefined, bytes };
  }
}

/** `Application/JSON; charset=utf-8` is `application/json`. */
function mediaType(header: string): string {
  if (header === "" || header === "application/json") return header;
  const end = indexOf(header, ";");
  return toLowerCase(trim(end < 0 ? header : slice(header, 0, end)));
}
