/**
 * Converts Zod 4 schemas to JSON Schema.
 *
 * @module
 */
import { z } from "@jelou/functions";
import { DATE_TIME, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";
import { INPUT_ADVICE, type Remarks } from "../schema_parts.ts";

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
export function fromZod4(schema: unknown, { inexact, unsendable, looseBoolean }: Remarks): JsonSchema {
  const json = z.toJSONSchema(schema as z.ZodType, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: ({ zodSchema, path }) => {
      const def = zodSchema._zod.def as { type: string; coerce?: boolean };
      const { type } = def;
      const at = withoutKeywords(path);
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
      const def = zodSchema._zod.def as { type: string; coerce?: boolean };
      if (def.type === "boolean" && def.coerce) looseBoolean(withoutKeywords(path as (string | number)[]));
    },
  });
  return json as JsonSchema;
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
