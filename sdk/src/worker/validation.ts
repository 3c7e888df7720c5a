/**
 * Validates a value with a schema of any library. Reports issues with the codes and messages of the platform's
 * contract.
 *
 * @module
 */
import { z } from "@jelou/functions";
import type { StandardResult, StandardSchemaV1 } from "../schema/standard_schema.ts";
import { legacyIssue, type RawIssue, typeName } from "../zod/legacy_issue.ts";
import { isArray, matches, NativeError, slice, startsWith } from "./primordials.ts";

/** One entry of `details` in a 400 answer. */
export interface IssueDetail {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly code: string;
}

/** The result of a validation: a valid value, or the issues. */
export type Validated =
  | { readonly value: unknown; readonly details: null }
  | {
    readonly value: undefined;
    readonly details: readonly IssueDetail[];
    /** Names of fields for which the schema expects a list. */
    readonly lists: readonly string[];
  };

/** Maximum number of entries in `details`, so that many issues do not make an answer of many megabytes. */
const MAX_DETAILS = 100;
/** Maximum length of a message and of a path segment, in characters. Both may quote the input. */
const MAX_TEXT = 1_000;

function cut(text: string): string {
  return text.length > MAX_TEXT ? slice(text, 0, MAX_TEXT) + "…" : text;
}

/** Validates one value. */
export type Validator = (value: unknown) => Validated | Promise<Validated>;

/** Creates the fastest validator for a schema. */
export function compileValidator(schema: StandardSchemaV1): Validator {
  const { _zod } = schema as { _zod?: { run?: unknown } };
  if (typeof _zod?.run === "function") return zodValidator(schema as unknown as ZodSchema);
  return standardValidator(schema);
}

/** The part of a Zod 4 schema that runs a validation. All copies of Zod 4 have it. */
interface ZodSchema {
  readonly _zod: { run(payload: Payload, context: { async: boolean }): Payload | Promise<Payload> };
}

/** A value and its issues, as Zod 4 passes them from schema to schema. */
interface Payload {
  value: unknown;
  issues: RawIssue[];
}

/**
 * Creates a validator that calls an internal function of Zod 4. Its issues still contain the input and the
 * schema, on which the codes and messages of Zod 3 depend. The synchronous call is tried first, because Zod
 * has compiled code only for it.
 */
function zodValidator(schema: ZodSchema): Validator {
  let asynchronous = false;
  const runAsync = async (value: unknown): Promise<Validated> =>
    settleZod(await schema._zod.run({ value, issues: [] }, { async: true }));
  return (value) => {
    if (asynchronous) return guardIntersection(runAsync(value));
    try {
      const result = schema._zod.run({ value, issues: [] }, { async: false });
      return "then" in result ? guardIntersection(runAsync(value)) : settleZod(result);
    } catch (error) {
      if (
        error instanceof z.core.$ZodAsyncError || (error as Error)?.constructor?.name === "$ZodAsyncError"
      ) {
        asynchronous = true;
        return guardIntersection(runAsync(value));
      }
      return unmergeable(error);
    }
  };
}

async function guardIntersection(result: Promise<Validated>): Promise<Validated> {
  try {
    return await result;
  } catch (error) {
    return unmergeable(error);
  }
}

/**
 * Converts the error that Zod 4 throws if the two sides of an intersection cannot be merged. Zod 3 reported an issue.
 */
function unmergeable(error: unknown): Validated {
  if (!(error instanceof NativeError) || !startsWith(error.message, "Unmergable intersection")) throw error;
  return {
    value: undefined,
    details: [{
      path: [],
      message: "Intersection results could not be merged",
      code: "invalid_intersection_types",
    }],
    lists: [],
  };
}

function settleZod(result: Payload): Validated {
  const { issues } = result;
  if (issues.length === 0) return { value: result.value, details: null };
  const details: IssueDetail[] = [];
  const lists: string[] = [];
  for (let index = 0; index < issues.length && details.length < MAX_DETAILS; index++) {
    const issue = issues[index]!;
    if (!measuresWrongType(issue)) describeZodIssue(issue, [], details);
    if (issue.code === "invalid_type" && issue.expected === "array") addList(lists, issue.path);
  }
  return { value: undefined, details, lists };
}

/**
 * Whether an issue is about the length of a value of the wrong type. Zod 4 checks the length even then; Zod 3 did not.
 */
function measuresWrongType(issue: RawIssue): boolean {
  if (issue.code !== "too_small" && issue.code !== "too_big") return false;
  const type = (issue.schema as RawIssue["inst"])?._zod?.def?.type;
  return (type === "string" || type === "array" || type === "set") && typeName(issue.input) !== type;
}

function describeZodIssue(issue: RawIssue, parent: readonly PropertyKey[], details: IssueDetail[]): void {
  const path = joinPath(parent, issue.path);
  // Zod 3 reported the issues inside a key of a record, or inside an element of a set, without a parent issue.
  if ((issue.code === "invalid_key" || issue.code === "invalid_element") && isArray(issue.issues)) {
    const nested = issue.issues as RawIssue[];
    for (let index = 0; index < nested.length && details.length < MAX_DETAILS; index++) {
      const inner = nested[index]!;
      const input = issue.code === "invalid_key" ? issue.input : undefined;
      describeZodIssue({ ...inner, input }, path, details);
    }
    return;
  }
  const { message } = z.core.util.finalizeIssue(
    issue as unknown as Parameters<typeof z.core.util.finalizeIssue>[0],
    undefined,
    z.core.config(),
  );
  details[details.length] = { path: plainPath(path), message: cut(message), code: legacyIssue(issue).code };
}

function standardValidator(schema: StandardSchemaV1): Validator {
  const standard = schema["~standard"];
  return (value) => {
    const result = standard.validate(value);
    return "then" in result ? awaitStandard(result) : settleStandard(result);
  };
}

async function awaitStandard(result: Promise<StandardResult<unknown>>): Promise<Validated> {
  return settleStandard(await result);
}

function settleStandard(result: StandardResult<unknown>): Validated {
  const { issues } = result;
  if (!issues) return { value: (result as { value: unknown }).value, details: null };
  const details: IssueDetail[] = [];
  const lists: string[] = [];
  for (let index = 0; index < issues.length && index < MAX_DETAILS; index++) {
    const issue = issues[index]!;
    const { code } = issue as { code?: unknown };
    details[index] = {
      path: plainPath(issue.path ?? []),
      message: cut(String(issue.message)),
      code: typeof code === "string" ? code : "custom",
    };
    if (matches(WANTS_LIST, String(issue.message))) addList(lists, details[index]!.path);
  }
  return { value: undefined, details, lists };
}

/** Matches messages of other libraries that say that a list was expected. */
const WANTS_LIST = /\b(?:expected|be) (?:an )?array\b/i;

function addList(lists: string[], path: readonly PropertyKey[] = []): void {
  if (path.length === 1 && typeof path[0] === "string") lists[lists.length] = path[0];
}

function joinPath(parent: readonly PropertyKey[], own: readonly PropertyKey[] = []): PropertyKey[] {
  const path: PropertyKey[] = [];
  for (let index = 0; index < parent.length; index++) path[index] = parent[index]!;
  for (let index = 0; index < own.length; index++) path[path.length] = own[index]!;
  return path;
}

/** Converts a path to JSON. Valibot wraps each key in an object, and JSON has no symbols. */
function plainPath(path: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }>): (string | number)[] {
  const plain: (string | number)[] = [];
  for (let index = 0; index < path.length; index++) {
    const segment = path[index]!;
    const key = typeof segment === "object" ? segment.key : segment;
    plain[index] = typeof key === "number" ? key : cut(String(key));
  }
  return plain;
}
