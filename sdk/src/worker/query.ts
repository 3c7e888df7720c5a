/**
 * Parses query strings and form bodies to objects.
 *
 * @module
 */
import {
  defineProperty,
  eachSearchParam,
  hasOwn,
  indexOf,
  isArray,
  matches,
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
    // The constructor removes one leading question mark, so one is added. A further one is part of the first name, as
    // in `url.searchParams`.
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
