/**
 * JSON Schema of ArkType, which converts itself.
 *
 * @module
 */
import { DATE_TIME, type Inexact, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";

/** What ArkType tells a fallback about a part that it cannot convert. */
interface Inconvertible {
  readonly code: string;
  readonly base: JsonSchema;
}

/** The part of an ArkType type that converts it. */
interface ArkTypeSchema {
  readonly in?: ArkTypeSchema;
  toJsonSchema(options: { fallback: Record<string, (part: Inconvertible) => JsonSchema> }): JsonSchema;
}

/** Converts a type of ArkType. */
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
