/**
 * Converts an issue of Zod 4 to the code and the message of Zod 3.
 *
 * Callers of existing functions match on codes and messages, so both are part of the platform's contract. The table
 * follows Zod 3's English error map. An issue that Zod 3 did not have gets the nearest code and message of Zod 3.
 *
 * @module
 */
import { describeLimit } from "./legacy_limit.ts";
import { describeFormat } from "./legacy_format.ts";

/** An issue inside Zod 4, before Zod removes the input and the schema from it. */
export interface RawIssue {
  readonly code: string;
  readonly input?: unknown;
  readonly path?: ReadonlyArray<PropertyKey>;
  readonly message?: string;
  readonly inst?: { readonly _zod?: { readonly def?: { readonly type?: string } } };
  // The other fields depend on the code.
  readonly [field: string]: unknown;
}

/** The code and the message of Zod 3. */
export interface LegacyIssue {
  readonly code: string;
  readonly message: string;
}

/** Translates one issue. */
export function legacyIssue(issue: RawIssue): LegacyIssue {
  switch (issue.code) {
    case "invalid_type":
      return invalidType(issue);
    case "invalid_value":
      return invalidValue(issue);
    case "too_small":
    case "too_big":
      return { code: issue.code, message: describeLimit(issue.code, issue) };
    case "invalid_format":
      return { code: "invalid_string", message: describeFormat(issue) };
    case "not_multiple_of":
      return { code: issue.code, message: `Number must be a multiple of ${String(issue.divisor)}` };
    case "unrecognized_keys":
      return {
        code: issue.code,
        message: `Unrecognized key(s) in object: ${quoted(issue.keys as unknown[], ", ")}`,
      };
    case "invalid_union":
      return invalidUnion(issue);
    default:
      return { code: issue.code ?? "custom", message: "Invalid input" };
  }
}

const { stringify } = JSON;

/** The names of expected types in Zod 3 where they differ, by their name in Zod 4. */
const EXPECTED: Record<string, string> = {
  int: "integer",
  record: "object",
  tuple: "array",
  nonoptional: "unknown",
};

function invalidType(issue: RawIssue): LegacyIssue {
  const expected = String(issue.expected);
  const received = typeName(issue.input);
  if (received === "undefined") return { code: "invalid_type", message: "Required" };
  if (expected === "date" && received === "date") return { code: "invalid_date", message: "Invalid date" };
  if (expected === "number" && received === "number") {
    return { code: "not_finite", message: "Number must be finite" };
  }
  if (expected === "int") return { code: "invalid_type", message: "Expected integer, received float" };
  return {
    code: "invalid_type",
    message: `Expected ${EXPECTED[expected] ?? expected}, received ${received}`,
  };
}

function invalidValue(issue: RawIssue): LegacyIssue {
  const values = (issue.values ?? []) as unknown[];
  const literal = issue.inst?._zod?.def?.type === "literal" ||
    (issue.inst === undefined && values.length === 1);
  if (literal && values.length === 1) {
    const value = values[0];
    const text = typeof value === "bigint" ? `"${value}"` : stringify(value);
    return { code: "invalid_literal", message: `Invalid literal value, expected ${text}` };
  }
  const received = typeName(issue.input);
  if (received === "undefined") return { code: "invalid_type", message: "Required" };
  const options = quoted(values, " | ");
  let numeric = false;
  for (let index = 0; index < values.length; index++) numeric ||= typeof values[index] === "number";
  if (received !== "string" && !(numeric && received === "number")) {
    return { code: "invalid_type", message: `Expected ${options}, received ${received}` };
  }
  return {
    code: "invalid_enum_value",
    message: `Invalid enum value. Expected ${options}, received '${String(issue.input)}'`,
  };
}

function invalidUnion(issue: RawIssue): LegacyIssue {
  if (issue.discriminator === undefined) return { code: "invalid_union", message: "Invalid input" };
  return {
    code: "invalid_union_discriminator",
    message: `Invalid discriminator value. Expected ${quoted((issue.options ?? []) as unknown[], " | ")}`,
  };
}

/** Joins values as Zod 3 did. Calls no array methods, because a function may have replaced them. */
function quoted(values: unknown[], separator: string): string {
  let text = "";
  for (let index = 0; index < values.length; index++) {
    const value = values[index];
    text += (index === 0 ? "" : separator) + (typeof value === "string" ? `'${value}'` : String(value));
  }
  return text;
}

/** Zod 3's name for the type of a value. */
export function typeName(value: unknown): string {
  switch (typeof value) {
    case "number":
      return Number.isNaN(value) ? "nan" : "number";
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return "array";
      if (value instanceof Date) return "date";
      if (value instanceof Map) return "map";
      if (value instanceof Set) return "set";
      if (typeof (value as PromiseLike<unknown>).then === "function" && "catch" in value) return "promise";
      return "object";
    default:
      return typeof value;
  }
}
