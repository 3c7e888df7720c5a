/**
 * Serializes a result as JSON without losing data.
 *
 * `JSON.stringify` silently converts unknown objects to `{}`: a `Map`, a `Promise` or an error. The JSON
 * output shows whether this can have happened, so plain data is traversed only once.
 *
 * @module
 */
import {
  asyncIterator,
  defineProperty,
  getPrototypeOf,
  indexOf,
  isArray,
  isError,
  isView,
  keys,
  matches,
  NativeArrayBuffer,
  NativeBlob,
  NativeError,
  NativeFormData,
  NativeHeaders,
  NativeMap,
  NativePromise,
  NativeReadableStream,
  NativeRegExp,
  NativeRequest,
  NativeResponse,
  NativeSet,
  NativeSharedArrayBuffer,
  NativeTypeError,
  NativeURLSearchParams,
  objectPrototype,
  stringify,
  symbolIterator,
} from "./primordials.ts";

/**
 * Maximum number of values that are checked if `JSON.stringify` has not failed. In larger results, the rest is not
 * checked.
 */
const MAX_VALUES = 100_000;

/** Whether a result is being serialized. */
let serializing = false;

/**
 * Serializes a result.
 *
 * @throws {TypeError} If JSON cannot express the value. The message contains the path and the value to return
 * instead.
 */
export function toJson(value: unknown): string {
  let text: string | undefined;
  serializing = true;
  try {
    text = stringify(value);
  } catch (error) {
    serializing = false;
    throw problemOf(value, Infinity) ?? error;
  }
  serializing = false;
  if (text === undefined) {
    throw new NativeTypeError(`The result is ${unsendable(value)}`);
  }
  if (indexOf(text, "{}") >= 0 || indexOf(text, '{"0":') >= 0) {
    const problem = problemOf(value, MAX_VALUES);
    if (problem !== null) throw problem;
  }
  return text;
}

/** Describes a result that has no JSON form, and suggests what to return instead. */
function unsendable(value: unknown): string {
  switch (typeof value) {
    case "function":
      return "a function, which JSON cannot express; call it and return its result, or return plain data";
    case "symbol":
      return "a symbol, which JSON cannot express; return its description, or plain data";
    default:
      return `${
        article(typeof value)
      } ${typeof value} without JSON, because its toJSON() returns nothing; return plain data or a Response`;
  }
}

/**
 * Makes the serialization fail for errors inside a result, because JSON would omit their message. Called after the
 * import of the module, so that a `toJSON` that the module has added to errors stays.
 */
export function watchErrors(): void {
  const prototype = NativeError.prototype;
  if ("toJSON" in prototype) return;
  defineProperty(prototype, "toJSON", {
    get: () => serializing ? refuse : undefined,
    set(this: object, value: unknown) {
      defineProperty(this, "toJSON", { value, writable: true, enumerable: true, configurable: true });
    },
    configurable: true,
  });
}

function refuse(): never {
  throw new NativeTypeError("The result has an Error in it, which JSON would empty; return its message");
}

/** Searches a value for parts that JSON cannot express. */
function problemOf(value: unknown, most: number): TypeError | null {
  try {
    const problem = search(value, { path: [], around: [], left: most });
    return problem === null ? null : new NativeTypeError(problem);
  } catch {
    // A getter, `toJSON` or proxy of the function has thrown. The caller reports that error.
    return null;
  }
}

interface Search {
  readonly path: string[];
  readonly around: unknown[];
  left: number;
}

function search(value: unknown, at: Search): string | null {
  if (typeof value === "bigint") {
    if (typeof (BigInt.prototype as { toJSON?: unknown }).toJSON === "function") return null;
    return `${placeOf(at)} is a BigInt; return String(${nameOf(at)})`;
  }
  if (typeof value !== "object" || value === null || at.left-- <= 0) return null;
  const depth = at.around.length;
  for (let index = 0; index < depth; index++) {
    if (at.around[index] === value) {
      const outer = placeOf({ ...at, path: at.path.slice(0, index) });
      return `${placeOf(at)} is circular, it leads back to ${lower(outer)}; return the parts that you need`;
    }
  }
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") {
    const said = (value as { toJSON(key: string): unknown }).toJSON(at.path[depth - 1] ?? "");
    return said === value ? null : search(said, at);
  }
  const kind = emptiedKind(value);
  if (kind !== null) {
    const [name, advice] = kind;
    return `${placeOf(at)} is ${article(name)} ${name}, which JSON cannot express; ${
      advice(nameOf(at), depth === 0)
    }`;
  }
  at.around[depth] = value;
  const problem = isArray(value) ? searchList(value, at) : searchFields(value as Record<string, unknown>, at);
  at.around.length = depth;
  return problem;
}

function searchList(list: readonly unknown[], at: Search): string | null {
  for (let index = 0; index < list.length && at.left > 0; index++) {
    const problem = searchAt(String(index), list[index], at);
    if (problem !== null) return problem;
  }
  return null;
}

function searchFields(fields: Record<string, unknown>, at: Search): string | null {
  const names = keys(fields);
  for (let index = 0; index < names.length && at.left > 0; index++) {
    const problem = searchAt(names[index]!, fields[names[index]!], at);
    if (problem !== null) return problem;
  }
  return null;
}

function searchAt(name: string, value: unknown, at: Search): string | null {
  const depth = at.path.length;
  at.path[depth] = name;
  const problem = search(value, at);
  at.path.length = depth;
  return problem;
}

/**
 * Suggests what to return instead. `name` is the name of the value in the message. `isRoot` is whether the value is the
 * whole result.
 */
type Advice = (name: string, isRoot: boolean) => string;

const entries: Advice = (name) => `return Object.fromEntries(${name})`;
const byItself: Advice = (_, isRoot) =>
  isRoot ? "return plain data" : "return it by itself, not inside an object";

/** Returns the name of a type whose content or form is lost in JSON, with advice. `null` for any other value. */
function emptiedKind(value: object): readonly [name: string, advice: Advice] | null {
  const prototype = getPrototypeOf(value);
  if (isArray(value)) return null;
  if (prototype === objectPrototype || prototype === null) {
    return keys(value).length > 0 ? null : iterable(value);
  }
  if (isError(value)) {
    return [nameOfType(value), (name, isRoot) => isRoot ? "throw it" : `throw it, or return ${name}.message`];
  }
  if (value instanceof NativeMap) return ["Map", entries];
  if (value instanceof NativeSet) return ["Set", (name) => `return [...${name}]`];
  if (value instanceof NativePromise || typeof (value as { then?: unknown }).then === "function") {
    return [nameOfType(value), () => "await it"];
  }
  if (
    value instanceof NativeHeaders || value instanceof NativeURLSearchParams ||
    value instanceof NativeFormData
  ) {
    return [nameOfType(value), entries];
  }
  if (isView(value) || value instanceof NativeArrayBuffer || value instanceof NativeSharedArrayBuffer) {
    return [nameOfType(value), isNumbers(value) ? (name) => `return Array.from(${name})` : byItself];
  }
  if (
    value instanceof NativeBlob || value instanceof NativeReadableStream || value instanceof NativeResponse
  ) {
    return [nameOfType(value), byItself];
  }
  if (value instanceof NativeRequest) return ["Request", () => "return the parts that you need"];
  if (value instanceof NativeRegExp) return ["RegExp", (name) => `return String(${name})`];
  if (isFunction(value, asyncIterator)) return [nameOfType(value), byItself];
  if (isFunction(value, symbolIterator) && isFunction(value, "next")) {
    return [nameOfType(value), (name) => `return [...${name}]`];
  }
  if (keys(value).length > 0 || isBox(value) || getPrototypeOf(prototype) === null) return null;
  return [nameOfType(value), () => "give its class a toJSON() method, or return plain data"];
}

/** Describes an iterable object, with advice. Returns `null` for an object that is not iterable. */
function iterable(value: object): readonly [name: string, advice: Advice] | null {
  if (isFunction(value, asyncIterator)) return ["async iterable", byItself];
  return isFunction(value, symbolIterator) ? ["iterable", (name) => `return [...${name}]`] : null;
}

/** Whether the value is a typed array other than an array of bytes. */
export function isNumbers(value: object): boolean {
  return isView(value) && !(value instanceof Uint8Array) && !(value instanceof Uint8ClampedArray) &&
    !(value instanceof DataView);
}

export function isFunction(value: object, key: PropertyKey): boolean {
  return typeof (value as Record<PropertyKey, unknown>)[key] === "function";
}

function isBox(value: object): boolean {
  return value instanceof Number || value instanceof Boolean || value instanceof String ||
    value instanceof BigInt;
}

/** Returns the name of a value's class. */
export function nameOfType(value: object): string {
  const { constructor } = value as { constructor?: { name?: unknown } };
  const name = typeof constructor === "function" ? constructor.name : undefined;
  if (typeof name === "string" && name !== "" && name !== "Object") return name;
  const { [Symbol.toStringTag]: tag } = value as { [Symbol.toStringTag]?: unknown };
  return typeof tag === "string" && tag !== "" ? tag : isError(value) ? "Error" : "object";
}

/** Returns the indefinite article for a name. */
export function article(name: string): string {
  return matches(/^[AEIOaeio]|^U[^Rn]/, name) ? "an" : "a";
}

function placeOf({ path }: Search): string {
  return path.length === 0 ? "The result" : path.join(".");
}

function lower(place: string): string {
  return place === "The result" ? "the result" : place;
}

/** Returns a name for the value in an advice: the last part of the path that is an identifier. */
function nameOf({ path }: Search): string {
  for (let index = path.length - 1; index >= 0; index--) {
    if (matches(/^[A-Za-z_$][\w$]*$/, path[index]!)) return path[index]!;
  }
  return "value";
}
