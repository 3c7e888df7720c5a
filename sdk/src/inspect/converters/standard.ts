/**
 * Converts schemas of any library that implements Standard JSON Schema.
 *
 * @module
 */
import type { JsonSchema } from "../manifest.ts";

/** The extension of `~standard` that the Standard JSON Schema specification defines. */
interface JsonSchemaConverter {
  readonly jsonSchema?: { input(options: { target: string }): JsonSchema };
}

/** Converts a schema. Returns `null` if its library has no converter. */
export function fromStandardJsonSchema(schema: { readonly "~standard": unknown }): JsonSchema | null {
  const { jsonSchema } = schema["~standard"] as JsonSchemaConverter;
  return jsonSchema === undefined ? null : jsonSchema.input({ target: "draft-2020-12" });
}
