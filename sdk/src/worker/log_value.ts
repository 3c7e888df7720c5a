/**
 * Renders anything that a function may log as JSON.
 *
 * @module
 */
import {
  eachHeader,
  functionToString,
  isArray,
  isFiniteNumber,
  isView,
  keys,
  mapForEach,
  NativeArrayBuffer,
  NativeDate,
  NativeError,
  NativeHeaders,
  NativeMap,
  NativePromise,
  NativeRegExp,
  NativeRequest,
  NativeResponse,
  NativeSet,
  NativeURL,
  requestMethod,
  requestUrl,
  responseStatus,
  setForEach,
  startsWith,
  stringify,
  toISOString,
  urlHref,
} from "./primordials.ts";
import { readableStack } from "./stack.ts";

/** Values inside one argument after which the rest is left out: a line is for reading. */
const MAX_VALUES = 2_000;

/** Levels below an argument that are shown. */
const MAX_DEPTH = 10;

/** Progress through one argument. */
interface Walk {
  /** Values rendered so far. */
  count: number;
  /** The objects around the current value. */
  readonly around: unknown[];
}

/** The JSON of one argument. Never throws. */
export function renderArgument(value: unknown): string {
  if (typeof value === "string") return stringify(value);
  try {
    return stringify(plain(value, { count: 0, around: [] }));
  } catch (error) {
    return stringify(`[not loggable: ${reason(error)}]`);
  }
}

function reason(error: unknown): string {
  try {
    return error instanceof NativeError ? String(error.message) : String(error);
  } catch {
    return "unknown";
  }
}

/** A copy of a value that `JSON.stringify` renders without loss of what matters to a reader. */
function plain(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      return isFiniteNumber(value) ? value : `${value}`;
    case "undefined":
      return "undefined";
    case "bigint":
      return `${value}n`;
    case "symbol":
      return String(value);
    case "function":
      return functionLabel(value);
  }
  if (value === null) return null;
  if (++walk.count > MAX_VALUES) return "[…]";
  for (let index = 0; index < walk.around.length; index++) {
    if (walk.around[index] === value) return "[Circular]";
  }
  const depth = walk.around.length;
  if (depth >= MAX_DEPTH) return isArray(value) ? "[Array]" : "[Object]";
  walk.around[depth] = value;
  const result = plainObject(value as object, walk);
  walk.around.length = depth;
  return result;
}

function functionLabel(value: unknown): string {
  const kind = startsWith(functionToString(value as () => unknown), "class") ? "class" : "Function";
  return `[${kind}: ${String((value as { name?: unknown }).name) || "anonymous"}]`;
}

function plainObject(value: object, walk: Walk): unknown {
  if (isArray(value)) return plainList(value, walk);
  if (value instanceof NativeError) return plainError(value, walk);
  if (value instanceof NativeDate) {
    return isFiniteNumber(+value) ? toISOString(value) : "Invalid Date";
  }
  if (value instanceof NativeMap) return plainMap(value, walk);
  if (value instanceof NativeSet) {
    const list: unknown[] = [];
    setForEach(value, (item: unknown) => list[list.length] = item);
    return plainList(list, walk);
  }
  if (isView(value) || value instanceof NativeArrayBuffer) {
    return `[${typeLabel(value)}: ${value.byteLength} bytes]`;
  }
  if (value instanceof NativeRegExp) return String(value);
  if (value instanceof NativePromise) return "[Promise]";
  if (value instanceof NativeURL) return urlHref(value);
  if (value instanceof NativeHeaders) {
    const headers: Record<string, string> = {};
    eachHeader(value, (text: string, name: string) => headers[name] = text);
    return headers;
  }
  if (value instanceof NativeRequest) return `[Request: ${requestMethod(value)} ${requestUrl(value)}]`;
  if (value instanceof NativeResponse) return `[Response: ${responseStatus(value)}]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return plain((value as { toJSON(): unknown }).toJSON(), walk);
  return plainFields(value, {}, walk);
}

function typeLabel(value: object): string {
  return (value as { constructor?: { name?: string } }).constructor?.name ?? "Object";
}

function plainList(list: readonly unknown[], walk: Walk): unknown[] {
  const copy: unknown[] = [];
  for (let index = 0; index < list.length; index++) {
    if (walk.count > MAX_VALUES) {
      copy[index] = `[… ${list.length - index} more]`;
      break;
    }
    const item = list[index];
    copy[index] = item === undefined ? null : plain(item, walk);
    if (typeof item !== "object") walk.count++;
  }
  return copy;
}

function plainError(error: Error, walk: Walk): unknown {
  const copy: Record<string, unknown> = {
    name: String(error.name),
    message: String(error.message),
    stack: readableStack(error),
  };
  if (error.cause !== undefined) copy.cause = plain(error.cause, walk);
  const { errors } = error as { errors?: unknown };
  if (isArray(errors)) copy.errors = plain(errors, walk);
  return plainFields(error, copy, walk);
}

/** A map is shown as an object when its keys allow it, as a list of pairs otherwise. */
function plainMap(map: Map<unknown, unknown>, walk: Walk): unknown {
  const pairs: [unknown, unknown][] = [];
  let named = true;
  mapForEach(map, (item: unknown, key: unknown) => {
    if (typeof key !== "string") named = false;
    pairs[pairs.length] = [key, item];
  });
  if (!named) return plainList(pairs, walk);
  const copy: Record<string, unknown> = {};
  for (let index = 0; index < pairs.length; index++) {
    const pair = pairs[index]!;
    copy[pair[0] as string] = plain(pair[1], walk);
  }
  return copy;
}

function plainFields(value: object, copy: Record<string, unknown>, walk: Walk): Record<string, unknown> {
  const names = keys(value);
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (walk.count > MAX_VALUES) {
      copy["…"] = `${names.length - index} more`;
      break;
    }
    let field: unknown;
    try {
      field = (value as Record<string, unknown>)[name];
    } catch (error) {
      field = `[threw: ${reason(error)}]`;
    }
    if (field === undefined) continue;
    copy[name] = plain(field, walk);
    if (typeof field !== "object") walk.count++;
  }
  return copy;
}
