/**
 * Converts Valibot schemas to JSON Schema.
 *
 * @module
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import { DATE_TIME, type Inexact, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";

export function fromValibot(schema: unknown, inexact: Inexact): JsonSchema {
  return toJsonSchema(schema as Parameters<typeof toJsonSchema>[0], {
    target: "draft-2020-12",
    typeMode: "input",
    errorMode: "ignore",
    overrideSchema: ({ valibotSchema, jsonSchema, errors }) => {
      const { type } = valibotSchema as unknown as { type: string };
      if (type === "date") {
        inexact([], "a Date", SHOWN_DATE_TIME);
        return { ...DATE_TIME } as typeof jsonSchema;
      }
      if (errors) inexact([], `the Valibot type "${type}"`, "{}");
      return undefined;
    },
  }) as JsonSchema;
}
