/**
 * Converts Zod 3 schemas to JSON Schema, for functions that bundle Zod 3.
 *
 * @module
 */
import { ignoreOverride, zodToJsonSchema } from "zod-to-json-schema";
import { DATE_TIME, type Inexact, SHOWN_DATE_TIME } from "../inexact.ts";
import type { JsonSchema } from "../manifest.ts";

/** Zod 3 types that JSON Schema cannot express, with their names for messages. */
const INEXPRESSIBLE: Record<string, string> = {
  ZodDate: "a Date",
  ZodBigInt: "a bigint",
  ZodMap: "a Map",
  ZodSet: "a Set",
  ZodSymbol: "a symbol",
  ZodFunction: "a function",
  ZodUndefined: "undefined",
  ZodVoid: "void",
  ZodNaN: "NaN",
};

export function fromZod3(schema: unknown, inexact: Inexact): JsonSchema {
  const json = zodToJsonSchema(schema as Parameters<typeof zodToJsonSchema>[0], {
    target: "jsonSchema2019-09",
    $refStrategy: "root",
    definitionPath: "$defs",
    pipeStrategy: "input",
    effectStrategy: "input",
    removeAdditionalStrategy: "strict",
    override: (def, refs) => {
      const { typeName } = def as unknown as { typeName: string };
      const what = INEXPRESSIBLE[typeName];
      if (what === undefined) return ignoreOverride;
      const place = refs.currentPath.filter((step) => step !== "#" && step !== "properties");
      inexact(place, what, typeName === "ZodDate" ? SHOWN_DATE_TIME : "{}");
      return typeName === "ZodDate" ? { ...DATE_TIME } as { type: "string" } : {};
    },
  }) as JsonSchema;
  return { ...json, $schema: "https://json-schema.org/draft/2020-12/schema" };
}
