/**
 * JSON Schema (draft 2020-12) of a schema of any library, for OpenAPI and MCP.
 *
 * What JSON Schema cannot express is no error: a date is shown as `date-time`, anything else as `{}`, and the
 * deploy warns. Both schemas describe the *input* side: for `input` that is what callers send; for `output`
 * it is what the handler returns, which the platform sends as it is.
 *
 * @module
 */
import type { StandardSchemaV1 } from "../schema/standard_schema.ts";
import { fromArkType } from "./converters/arktype.ts";
import { fromStandardJsonSchema } from "./converters/standard.ts";
import { fromValibot } from "./converters/valibot.ts";
import { fromZod3 } from "./converters/zod3.ts";
import { fromZod4 } from "./converters/zod4.ts";
import type { Inexact } from "./inexact.ts";
import type { JsonSchema } from "./manifest.ts";
import type { Report } from "./report.ts";

/** Where a schema stands, for messages. */
export interface SchemaPlace {
  /** How messages call the tool. */
  readonly label: string;
  readonly part: "input" | "output";
}

/** Converts a schema; `null` when there is none. */
export function toJsonSchema(schema: unknown, place: SchemaPlace, report: Report): JsonSchema | null {
  if (schema === undefined || schema === null) return null;
  if (!isStandardSchema(schema)) {
    report.problems.push(
      `${place.label}: \`${place.part}\` is no schema. Use z.object({ ... }), or a schema of another library` +
        " that speaks Standard Schema (Zod 3.24+, Valibot 1+, ArkType 2+)",
    );
    return null;
  }
  const inexact: Inexact = (path, what, shown) => {
    report.warnings.push(
      `${place.label}: JSON Schema cannot express ${what} at ${
        showPath(place.part, path)
      }; it is shown as ${shown}`,
    );
  };
  try {
    return convert(schema, inexact);
  } catch (error) {
    inexact([], `this ${schema["~standard"].vendor} schema (${(error as Error).message})`, "{}");
    return {};
  }
}

function convert(schema: StandardSchemaV1, inexact: Inexact): JsonSchema {
  if ("_zod" in schema) return fromZod4(schema, inexact);
  const { vendor } = schema["~standard"];
  if (vendor === "zod") return fromZod3(schema, inexact);
  if (vendor === "valibot") return fromValibot(schema, inexact);
  if (vendor === "arktype") return fromArkType(schema, inexact);
  const standard = fromStandardJsonSchema(schema);
  if (standard !== null) return standard;
  inexact([], `a schema of ${vendor}`, "{}");
  return {};
}

function isStandardSchema(schema: unknown): schema is StandardSchemaV1 {
  if (typeof schema !== "object" && typeof schema !== "function") return false;
  const standard = (schema as Partial<StandardSchemaV1>)["~standard"];
  return typeof standard?.validate === "function";
}

function showPath(part: string, path: readonly PropertyKey[]): string {
  return [part, ...path].map(String).join(".");
}
