/**
 * Supports parameters and properties of Zod 3 that Zod 4 silently ignores.
 *
 * @module
 */
import { legacyIssue, type RawIssue } from "./legacy_issue.ts";

/** Zod 3's parameters for messages. Zod 4 stores them with the other parameters of a schema. */
interface LegacyParams {
  readonly required_error?: unknown;
  readonly invalid_type_error?: unknown;
  readonly errorMap?: unknown;
}

/** Returns the message that these parameters define, or `undefined`. */
export function messageOfParams(issue: RawIssue): string | undefined {
  const params = issue.inst?._zod?.def as LegacyParams | undefined;
  if (params === undefined) return undefined;
  const { required_error, invalid_type_error, errorMap } = params;
  if (issue.code === "invalid_type") {
    const message = issue.input === undefined ? required_error : invalid_type_error;
    if (typeof message === "string") return message;
  }
  if (typeof errorMap !== "function") return undefined;
  const { code, message } = legacyIssue(issue);
  const mapped = errorMap({ ...issue, code }, { defaultError: message, data: issue.input });
  return typeof mapped?.message === "string" ? mapped.message : undefined;
}

/** The parts of Zod that create its two kinds of errors. */
interface Zod {
  string(): { parse(value: unknown): unknown; safeParse(value: unknown): { error?: object } };
}

/** Adds the property `errors` of Zod 3 to Zod 4's errors. */
export function provideErrors(z: Zod): void {
  const schema = z.string();
  const { error } = schema.safeParse(0);
  define(error!);
  try {
    schema.parse(0);
  } catch (thrown) {
    define(thrown as object);
  }
}

function define(error: object): void {
  Object.defineProperty(Object.getPrototypeOf(error), "errors", {
    get(this: { issues: unknown }) {
      return this.issues;
    },
    configurable: true,
  });
}
