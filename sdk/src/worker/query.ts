/**
 * Query strings and form bodies as objects.
 *
 * @module
 */
import { defineProperty, eachSearchParam, hasOwn, isArray, NativeURLSearchParams } from "./primordials.ts";

/** Names and values; a name that is repeated gives a list. */
export type Fields = Record<string, string | string[]>;

/** Parses `a=1&b=2`. */
export function parseFields(text: string): Fields {
  const fields: Fields = {};
  if (text === "") return fields;
  eachSearchParam(new NativeURLSearchParams(text), (value: string, name: string) => {
    const earlier = ownField(fields, name);
    if (earlier === undefined) setField(fields, name, value);
    else if (isArray(earlier)) earlier[earlier.length] = value;
    else setField(fields, name, [earlier, value]);
  });
  return fields;
}

function ownField(fields: Fields, name: string): string | string[] | undefined {
  return name in fields && hasOwn(fields, name) ? fields[name] : undefined;
}

/** Defines instead of assigning: a field named `__proto__` is a field like any other. */
function setField(fields: Fields, name: string, value: string | string[]): void {
  if (name !== "__proto__") fields[name] = value;
  else defineProperty(fields, name, { value, writable: true, enumerable: true, configurable: true });
}
