/**
 * The parts of a schema of Zod: what Zod itself does not say before the first call.
 *
 * @module
 */
import type { Inexact } from "./inexact.ts";

/** A schema of any Zod. */
interface ZodLike {
  readonly _zod?: { readonly def: Record<string, unknown> };
  readonly _def?: Record<string, unknown>;
}

/** A part of a schema that another copy of Zod has made, with the place where it stands. */
export function foreignPart(schema: object): readonly string[] | null {
  return look(schema as ZodLike, "_zod" in schema, [], new Set());
}

function look(
  schema: ZodLike,
  isZod4: boolean,
  path: readonly string[],
  seen: Set<object>,
): readonly string[] | null {
  if (seen.has(schema)) return null;
  seen.add(schema);
  // Zod 4 has `_def` too, for those who still look there.
  const def = isZod4 === "_zod" in schema ? schema._zod?.def ?? schema._def : undefined;
  if (def === undefined) return path;
  for (const [name, part, isKey] of partsOf(def)) {
    const found = look(part, isZod4, isKey ? [...path, name] : path, seen);
    if (found !== null) return found;
  }
  return null;
}

type Part = [name: string, part: ZodLike, isKey: boolean];

/** The schemas that a definition names. */
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

/** Advice for a part of an input that no JSON and no query string can be. */
export const INPUT_ADVICE: Record<string, string> = {
  date: "z.coerce.date()",
  bigint: "z.coerce.bigint()",
  map: "z.record()",
  set: "z.array()",
};

/** Says that callers cannot send a part of an input. */
export type Unsendable = (path: readonly PropertyKey[], what: string, instead: string) => void;

/** What a conversion has to say. */
export interface Remarks {
  readonly inexact: Inexact;
  readonly unsendable: Unsendable;
  /** A boolean that takes every text for true. */
  readonly looseBoolean: (path: readonly PropertyKey[]) => void;
}
