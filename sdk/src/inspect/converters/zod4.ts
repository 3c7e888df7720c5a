/**
 * Converts Zod 4 schemas to JSON Schema.
 *
 * @module
 */
import { z } from "@jelou/functions";
import { DATE_TIME, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";
import { INPUT_ADVICE, QUERY_ADVICE, type Remarks } from "../schema_parts.ts";

/** Zod 4 types that JSON Schema cannot express, with their names for messages. */
const NAMES: Record<string, string> = {
  bigint: "a bigint",
  date: "a Date",
  custom: "a custom or instanceof check",
  map: "a Map",
  set: "a Set",
  symbol: "a symbol",
  function: "a function",
  transform: "a transform",
  undefined: "undefined",
  void: "void",
  nan: "NaN",
};

/** Converts a Zod 4 schema. It can come from the SDK's copy of Zod or from another copy. */
export function fromZod4(schema: unknown, remarks: Remarks): JsonSchema {
  const { inexact, unsendable, looseBoolean } = remarks;
  const shown: Shown[] = [];
  const converted = new Set<unknown>();
  const json = z.toJSONSchema(schema as z.ZodType, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: ({ zodSchema, path }) => {
      const def = zodSchema._zod.def as Definition;
      const { type } = def;
      const at = withoutKeywords(path);
      if ((type === "undefined" || type === "void") && at.length === 0) {
        unsendable(at, NAMES[type]!, "a definition without `input`");
      }
      const instead = def.coerce ? undefined : INPUT_ADVICE[type];
      if (instead !== undefined) unsendable(at, NAMES[type]!, instead);
      if (type === "date") {
        inexact(at, NAMES[type]!, SHOWN_DATE_TIME);
        return { ...DATE_TIME } as z.core.JSONSchema.BaseSchema;
      }
      inexact(at, NAMES[type] ?? `the type "${type}"`, "{}");
      return "any";
    },
    override: ({ zodSchema, path }) => {
      const def = zodSchema._zod.def as Definition;
      shown.push({ schema: zodSchema, def, path: path as (string | number)[] });
      // JSON Schema describes the output of a preprocessing step, but the step itself may accept a text.
      if (def.type === "pipe") converted.add(def.out);
    },
  });
  // Reports the parts in the order of the source.
  for (const { schema, def, path } of shown.reverse()) {
    const at = withoutKeywords(path);
    if (def.type === "boolean" && def.coerce) looseBoolean(at);
    if (def.type === "file") {
      unsendable(at, "a File", "`await request.formData()` in a function without `input`");
    }
    const instead = def.coerce || converted.has(schema) ? undefined : QUERY_ADVICE[def.type];
    if (instead === undefined || at.length === 0 || path.some(isChoice)) continue;
    remarks.notInQueries(at, NAMES_IN_QUERIES[def.type] ?? `a ${def.type}`, instead);
  }
  return json as JsonSchema;
}

interface Definition {
  readonly type: string;
  readonly coerce?: boolean;
  readonly out?: unknown;
}

/** A part of a schema, and its path in the JSON Schema. */
interface Shown {
  readonly schema: unknown;
  readonly def: Definition;
  readonly path: readonly (string | number)[];
}

const NAMES_IN_QUERIES: Record<string, string> = { object: "an object" };

/** Whether a step of a path leads to one of several alternative schemas. Another alternative may accept a text. */
function isChoice(step: string | number): boolean {
  return step === "anyOf" || step === "oneOf";
}

/** Returns the path inside the value: the path inside the JSON Schema without its keywords. */
function withoutKeywords(path: readonly (string | number)[]): (string | number)[] {
  const place: (string | number)[] = [];
  for (let index = 0; index < path.length; index++) {
    const step = path[index]!;
    if (step === "properties" && index + 1 < path.length) place.push(path[++index]!);
    else if (step === "items" || step === "additionalProperties") place.push("*");
    else if (step === "anyOf" || step === "oneOf" || step === "allOf" || step === "prefixItems") index++;
    else place.push(step);
  }
  return place;
}
