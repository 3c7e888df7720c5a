/**
 * Parses query strings and form bodies to objects.
 *
 * @module
 */
import {
  decodeWith,
  defineProperty,
  eachSearchParam,
  encodeComponent,
  endsWith,
  exec,
  hasOwn,
  indexOf,
  isArray,
  keys,
  matches,
  NativeUint8Array,
  NativeURLSearchParams,
  slice,
} from "./primordials.ts";

/** Values by name. A repeated name has a list of its values. */
export type Fields = Record<string, string | string[]>;

/** Parses `a=1&b=2`. */
export function parseFields(text: string): Fields {
  const fields: Fields = {};
  if (text === "") return fields;
  if (matches(PLAIN, text)) eachPlainField(text, (name, value) => addField(fields, name, value));
  else {
    // The constructor removes one leading question mark, so this adds one. A question mark in `text` is then part of
    // the first name, as in `url.searchParams`.
    const params = new NativeURLSearchParams("?" + text);
    eachSearchParam(params, (value: string, name: string) => addField(fields, name, value));
  }
  return fields;
}

/** Matches text that needs no decoding, like most query strings. */
const PLAIN = /^[\w.~:,@/=&-]*$/;

/** Splits text that needs no decoding. Ignores empty fields, as the URL standard does. */
function eachPlainField(text: string, add: (name: string, value: string) => void): void {
  for (let start = 0; start < text.length;) {
    const next = indexOf(text, "&", start);
    const end = next < 0 ? text.length : next;
    const field = slice(text, start, end);
    // Searches only in the field. In the whole text, each field without "=" would cost a search to the end of the text.
    const sign = indexOf(field, "=");
    if (sign >= 0) add(slice(field, 0, sign), slice(field, sign + 1));
    else if (field !== "") add(field, "");
    start = end + 1;
  }
}

function addField(fields: Fields, name: string, value: string): void {
  const earlier = ownField(fields, name);
  if (earlier === undefined) setField(fields, name, value);
  else if (isArray(earlier)) earlier[earlier.length] = value;
  else setField(fields, name, [earlier, value]);
}

function ownField(fields: Fields, name: string): string | string[] | undefined {
  return name in fields && hasOwn(fields, name) ? fields[name] : undefined;
}

/** Sets a field. `__proto__` is defined instead of assigned, so that it is an ordinary field. */
function setField(fields: Fields, name: string, value: string | string[]): void {
  if (name !== "__proto__") fields[name] = value;
  else defineProperty(fields, name, { value, writable: true, enumerable: true, configurable: true });
}

/** One or more percent-encoded bytes. */
const ENCODED = /^(?:%[0-9a-f]{2})+/i;

/** Converts the percent-encoded bytes of a form from another charset to UTF-8. */
export function encodedInUtf8(text: string, charset: TextDecoder): string {
  let encoded = "";
  for (let at = 0; at < text.length;) {
    const start = indexOf(text, "%", at);
    if (start < 0) return encoded + slice(text, at);
    const run = exec(ENCODED, slice(text, start));
    const end = start + (run === null ? 1 : run[0].length);
    const told = run === null ? "%" : encodeComponent(decodeWith(charset, bytesOf(run[0])));
    encoded += slice(text, at, start) + told;
    at = end;
  }
  return encoded;
}

function bytesOf(run: string): Uint8Array {
  const bytes = new NativeUint8Array(run.length / 3);
  for (let index = 0; index < run.length / 3; index++) {
    bytes[index] = +`0x${slice(run, 3 * index + 1, 3 * index + 3)}`;
  }
  return bytes;
}

/** The suffix by which many clients mark a list: axios, jQuery and PHP write `ids[]=1&ids[]=2`. */
const LIST_MARK = "[]";

/** Returns the fields with a list `ids` in place of `ids[]`, or `null` if no name has the suffix. */
export function withLists(fields: Fields): Fields | null {
  let lists: Fields | null = null;
  const names = keys(fields);
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (!endsWith(name, LIST_MARK)) continue;
    lists ??= { ...fields };
    delete lists[name];
    const list = slice(name, 0, -LIST_MARK.length);
    const values = fields[name]!;
    if (!isArray(values)) addField(lists, list, values);
    else for (let value = 0; value < values.length; value++) addField(lists, list, values[value]!);
    const all = ownField(lists, list)!;
    if (!isArray(all)) setField(lists, list, [all]);
  }
  return lists;
}
