/**
 * Renders any logged value as JSON, up to the limit of a log line. The rest is omitted and never copied.
 *
 * @module
 */
import { isSecretName, MASKED, maskText } from "./log_mask.ts";
import {
  eachHeader,
  functionToString,
  getPrototypeOf,
  hasOwn,
  isArray,
  isError,
  isFiniteNumber,
  isView,
  keys,
  mapEntries,
  mapNext,
  NativeArrayBuffer,
  NativeDate,
  NativeHeaders,
  NativeMap,
  NativePromise,
  NativeRegExp,
  NativeRequest,
  NativeResponse,
  NativeSet,
  NativeURL,
  NativeURLSearchParams,
  requestMethod,
  requestUrl,
  responseStatus,
  setNext,
  setValues,
  slice,
  startsWith,
  stringify,
  toISOString,
  toWellFormed,
  urlHref,
} from "./primordials.ts";
import { explainRefusals } from "./refusal.ts";
import { readableStack } from "./stack.ts";

/** Maximum number of values inside one argument. The rest is omitted, to keep the log readable. */
const MAX_VALUES = 2_000;

/** Maximum depth of values inside an argument. */
const MAX_DEPTH = 10;

/** Estimated characters of punctuation for each value. */
const PUNCTUATION = 4;

/** The progress of rendering one argument. */
interface Walk {
  /** Number of values rendered so far. */
  count: number;
  /** Remaining characters. */
  room: number;
  /** Whether something was truncated because the characters were used up. */
  cut: boolean;
  /** The objects that contain the current value. */
  readonly around: unknown[];
}

/** An argument as JSON. */
export interface Rendered {
  readonly json: string;
  /** Whether parts are missing because of the length limit. */
  readonly cut: boolean;
}

/** Renders one argument in about `room` characters. Never throws. */
export function renderArgument(value: unknown, room: number): Rendered {
  const walk: Walk = { count: 0, room, cut: false, around: [] };
  let json: string;
  try {
    json = stringify(plain(value, walk));
  } catch (error) {
    json = stringify(`[not loggable: ${reason(error)}]`);
  }
  return { json, cut: walk.cut };
}

function reason(error: unknown): string {
  try {
    return shown(isError(error) ? String(error.message) : String(error), 200);
  } catch {
    return "unknown";
  }
}

/** Truncates a text to `room` characters and masks the credentials in it. */
function text(value: string, walk: Walk, room = walk.room): string {
  if (value.length > room) walk.cut = true;
  walk.room -= value.length < room ? value.length : room;
  return shown(value, room);
}

function shown(value: string, room: number): string {
  return value.length <= room ? readable(value) : readable(slice(value, 0, room)) + "…";
}

/** Replaces lone surrogates, which other programs cannot represent. Cutting a text can also leave one. */
function readable(value: string): string {
  return maskText(explainRefusals(toWellFormed(value)));
}

/** Copies a value into a form that `JSON.stringify` can render. */
function plain(value: unknown, walk: Walk): unknown {
  walk.count++;
  walk.room = walk.room > PUNCTUATION ? walk.room - PUNCTUATION : 0;
  switch (typeof value) {
    case "string":
      return text(value, walk);
    case "boolean":
      return value;
    case "number":
      return isFiniteNumber(value) ? value : `${value}`;
    case "undefined":
      return "undefined";
    case "bigint":
      return text(`${value}n`, walk);
    case "symbol":
      return text(String(value), walk);
    case "function":
      return text(functionLabel(value), walk);
  }
  if (value === null) return null;
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
  if (isError(value)) return plainError(value, walk);
  if (value instanceof NativeDate) {
    return isFiniteNumber(+value) ? toISOString(value) : "Invalid Date";
  }
  if (value instanceof NativeMap) return plainMap(value, walk);
  if (value instanceof NativeSet) return plainSet(value, walk);
  if (isView(value) || value instanceof NativeArrayBuffer) {
    return `[${typeLabel(value)}: ${value.byteLength} bytes]`;
  }
  if (value instanceof NativeRegExp) return text(String(value), walk);
  if (value instanceof NativePromise) return "[Promise]";
  if (value instanceof NativeURL) return text(urlHref(value), walk);
  if (value instanceof NativeURLSearchParams) return text(String(value), walk);
  if (value instanceof NativeHeaders) {
    const headers: Record<string, string> = {};
    eachHeader(value, (content: string, name: string) => headers[name] = content);
    return plainFields(headers, {}, walk);
  }
  if (value instanceof NativeRequest) {
    return text(`[Request: ${requestMethod(value)} ${requestUrl(value)}]`, walk);
  }
  if (value instanceof NativeResponse) return `[Response: ${responseStatus(value)}]`;
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === "function") return plain((value as { toJSON(): unknown }).toJSON(), walk);
  return plainFields(value, {}, walk);
}

function typeLabel(value: object): string {
  return (value as { constructor?: { name?: string } }).constructor?.name ?? "Object";
}

/** Whether the rest of a list or object must be omitted. */
function isFull(walk: Walk): boolean {
  if (walk.room > 0) return walk.count > MAX_VALUES;
  return walk.cut = true;
}

function plainList(list: readonly unknown[], walk: Walk): unknown[] {
  const copy: unknown[] = [];
  for (let index = 0; index < list.length; index++) {
    if (isFull(walk)) {
      copy[index] = `[… ${list.length - index} more]`;
      break;
    }
    const item = list[index];
    // `node:http` represents the headers of a message as a list of alternating names and values.
    const isSecret = typeof item === "string" && index > 0 && isSecretName(list[index - 1]);
    copy[index] = item === undefined ? null : isSecret ? MASKED : plain(item, walk);
  }
  return copy;
}

function plainError(error: Error, walk: Walk): unknown {
  const copy: Record<string, unknown> = { name: text(String(error.name), walk) };
  // The other half of the remaining characters is for the stack.
  copy.message = text(String(error.message), walk, walk.room >> 1);
  // The runtime copies the message to build the stack, so a full line skips the stack.
  if (walk.room > 0) copy.stack = text(readableStack(error), walk);
  if (error.cause !== undefined) copy.cause = plain(error.cause, walk);
  const { errors } = error as { errors?: unknown };
  if (isArray(errors)) copy.errors = plain(errors, walk);
  return plainFields(error, copy, walk);
}

/** Renders a map as an object if its keys allow it, otherwise as a list of pairs. */
function plainMap(map: Map<unknown, unknown>, walk: Walk): unknown {
  const pairs: [unknown, unknown][] = [];
  const named: Record<string, unknown> = {};
  let isNamed = true;
  const entries = mapEntries(map);
  for (let step = mapNext(entries); !step.done && pairs.length <= MAX_VALUES; step = mapNext(entries)) {
    const pair = step.value as [unknown, unknown];
    if (typeof pair[0] === "string") named[pair[0]] = pair[1];
    else isNamed = false;
    pairs[pairs.length] = pair;
  }
  return isNamed ? plainFields(named, {}, walk) : plainList(pairs, walk);
}

function plainSet(set: Set<unknown>, walk: Walk): unknown {
  const list: unknown[] = [];
  const values = setValues(set);
  for (let step = setNext(values); !step.done && list.length <= MAX_VALUES; step = setNext(values)) {
    list[list.length] = step.value;
  }
  return plainList(list, walk);
}

function plainFields(value: object, copy: Record<string, unknown>, walk: Walk): unknown {
  const names = keys(value);
  if (names.length === 0 && !isError(value) && !isPlain(value)) return `[${typeLabel(value)}]`;
  for (let index = 0; index < names.length; index++) {
    const name = names[index]!;
    if (isFull(walk)) {
      copy["…"] = `${names.length - index} more`;
      break;
    }
    if (hasOwn(copy, name)) continue;
    let field: unknown;
    try {
      field = (value as Record<string, unknown>)[name];
    } catch (error) {
      field = `[threw: ${reason(error)}]`;
    }
    if (field === undefined) continue;
    const key = text(name, walk);
    copy[key] = isSecretName(name) && field !== null && typeof field !== "boolean"
      ? MASKED
      : plain(field, walk);
  }
  return copy;
}

function isPlain(value: object): boolean {
  const prototype = getPrototypeOf(value);
  return prototype === null || getPrototypeOf(prototype) === null;
}
