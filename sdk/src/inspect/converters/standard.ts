/**
 * JSON Schema of any library that implements Standard JSON Schema.
 *
 * @module
 */
import type { JsonSchema } from "../manifest.ts";

/** The extension of `~standard` by the Standard JSON Schema specification. */
interface JsonSchemaConverter {
  readonly jsonSchema?: { input(options: { target: string }): JsonSchema };
}

/** Converts a schema, or gives `null` when its library cannot. */
export function fromStandardJsonSchema(schema: { readonly "~standard": unknown }): JsonSchema | null {
  const { jsonSchema } = schema["~standard"] as JsonSchemaConverter;
  return jsonSchema === undefined ? null : jsonSchema.input({ target: "draft-2020-12" });
}
