/**
 * Converts a schema of any library to JSON Schema (draft 2020-12), for OpenAPI and MCP.
 *
 * A part that JSON Schema cannot express is not an error: a date becomes `date-time`, any other such part becomes
 * `{}`, and the deploy prints a warning. Both schemas describe the *input* side. For `input`, this is the
 * value that callers send. For `output`, this is the value that the handler returns: the platform sends it unchanged.
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
import { foreignPart, type Remarks } from "./schema_parts.ts";

/** The position of a schema, for messages. */
export interface SchemaPlace {
  /** The name of the tool in messages. */
  readonly label: string;
  readonly part: "input" | "output";
  /** Whether the input may be a query string, where all values are text. */
  readonly query?: boolean;
  /** Whether the input of callers over HTTP is always a query string. */
  readonly onlyQuery?: boolean;
}

/** Converts a schema. Returns `null` if there is no schema. */
export function toJsonSchema(schema: unknown, place: SchemaPlace, report: Report): JsonSchema | null {
  if (schema === undefined || schema === null) return null;
  if (!isStandardSchema(schema)) {
    report.problems.push(
      `${place.label}: \`${place.part}\` is not a schema. Use z.object({ ... }), or a schema of another library` +
        " that implements Standard Schema (Zod 3.24+, Valibot 1+, ArkType 2+)",
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
  const remarks: Remarks = {
    inexact,
    unsendable: (path, what, instead) => {
      if (place.part === "output") return;
      report.warnings.push(
        `${place.label}: JSON cannot express ${what}, so no caller can send ${
          showPath(place.part, path)
        }; use ${instead} instead`,
      );
    },
    notInQueries: (path, what, instead) => {
      if (!place.onlyQuery) return;
      report.warnings.push(
        `${place.label}: the methods have no body, and a query string has only texts, so no caller over HTTP can send ` +
          `${what} at ${showPath(place.part, path)}; use ${instead} instead`,
      );
    },
    looseBoolean: (path) => {
      if (place.part === "output" || !place.query) return;
      report.warnings.push(
        `${place.label}: ${
          showPath(place.part, path)
        } is z.coerce.boolean(), which converts every text to true, ` +
          '"false" too; use z.stringbool() for query strings and forms',
      );
    },
  };
  const { vendor } = schema["~standard"];
  const foreign = vendor === "zod" ? foreignPart(schema) : null;
  if (foreign !== null) {
    report.problems.push(
      `${place.label}: ${
        showPath(place.part, foreign)
      } is a schema of another copy of Zod than the schema around it;` +
        ' make all parts with the same `z`, such as that of "@jelou/functions"',
    );
    return null;
  }
  try {
    return convert(schema, remarks);
  } catch (error) {
    inexact([], `this ${schema["~standard"].vendor} schema (${(error as Error).message})`, "{}");
    return {};
  }
}

function convert(schema: StandardSchemaV1, remarks: Remarks): JsonSchema {
  const { inexact } = remarks;
  if ("_zod" in schema) return fromZod4(schema, remarks);
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
