/**
 * Converts ArkType types to JSON Schema, with ArkType's own conversion.
 *
 * @module
 */
import { DATE_TIME, type Inexact, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";

/** The argument of a fallback: the part of a type that ArkType cannot convert. */
interface Inconvertible {
  readonly code: string;
  readonly base: JsonSchema;
}

/** The method of an ArkType type that converts it. */
interface ArkTypeSchema {
  readonly in?: ArkTypeSchema;
  toJsonSchema(options: { fallback: Record<string, (part: Inconvertible) => JsonSchema> }): JsonSchema;
}

export function fromArkType(schema: unknown, inexact: Inexact): JsonSchema {
  const type = schema as ArkTypeSchema;
  return (type.in ?? type).toJsonSchema({
    fallback: {
      date: () => {
        inexact([], "a Date", SHOWN_DATE_TIME);
        return { ...DATE_TIME };
      },
      default: ({ code, base }) => {
        inexact([], `an ArkType ${code}`, JSON.stringify(base));
        return base;
      },
    },
  });
}
