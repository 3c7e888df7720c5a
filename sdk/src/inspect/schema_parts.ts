/**
 * Checks the parts of a Zod schema at deploy. Zod itself would report these errors only during the first call.
 *
 * @module
 */
import type { Inexact } from "./inexact.ts";

/** A schema of any Zod version. */
interface ZodLike {
  readonly _zod?: { readonly def: Record<string, unknown> };
  readonly _def?: Record<string, unknown>;
}

/** Returns the path of the first part that belongs to another major version of Zod than the root, or `null`. */
export function foreignPart(schema: object): readonly string[] | null {
  return findForeign(schema as ZodLike, "_zod" in schema, [], new Set());
}

function findForeign(
  schema: ZodLike,
  isZod4: boolean,
  path: readonly string[],
  seen: Set<object>,
): readonly string[] | null {
  if (seen.has(schema)) return null;
  seen.add(schema);
  // Zod 4 schemas also have `_def`, for compatibility.
  const def = isZod4 === "_zod" in schema ? schema._zod?.def ?? schema._def : undefined;
  if (def === undefined) return path;
  for (const [name, part, isKey] of partsOf(def)) {
    const found = findForeign(part, isZod4, isKey ? [...path, name] : path, seen);
    if (found !== null) return found;
  }
  return null;
}

type Part = [name: string, part: ZodLike, isKey: boolean];

/** Returns the schemas inside a definition. */
function partsOf(def: Record<string, unknown>): Part[] {
  const parts: Part[] = [];
  for (const [name, value] of Object.entries(def)) {
    if (name === "shape") {
      const shape = (typeof value === "function" ? value() : value) as Record<string, unknown>;
      for (const [key, part] of Object.entries(shape)) if (isSchema(part)) parts.push([key, part, true]);
    } else if (Array.isArray(value)) {
      for (const part of value) if (isSchema(part)) parts.push([name, part, false]);
    } else if (isSchema(value)) parts.push([name, value, false]);
  }
  return parts;
}

function isSchema(value: unknown): value is ZodLike {
  return typeof value === "object" && value !== null && "~standard" in value &&
    (value as { "~standard": { vendor?: unknown } })["~standard"].vendor === "zod";
}

/** Replacements for input types that neither JSON nor a query string can carry. */
export const INPUT_ADVICE: Record<string, string> = {
  date: "z.coerce.date()",
  bigint: "z.coerce.bigint()",
  map: "z.record()",
  set: "z.array()",
  symbol: "z.enum()",
  nan: "z.number()",
  function: "the name of the action",
};

/** Replacements for input types that JSON can carry and a query string cannot. */
export const QUERY_ADVICE: Record<string, string> = {
  number: "z.coerce.number()",
  boolean: "z.stringbool()",
  object: "fields of the input itself",
  record: "fields of the input itself",
};

/** Reports a part of an input that callers cannot send. */
export type Unsendable = (path: readonly PropertyKey[], what: string, instead: string) => void;

/** Callbacks for the remarks of a conversion. */
export interface Remarks {
  readonly inexact: Inexact;
  readonly unsendable: Unsendable;
  /** Reports a part of an input that a query string cannot carry. */
  readonly notInQueries: Unsendable;
  /** Reports a boolean that converts every text to `true`. */
  readonly looseBoolean: (path: readonly PropertyKey[]) => void;
}
