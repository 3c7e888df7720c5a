/**
 * What Zod 3 let schemas and their errors say, and Zod 4 ignores in silence.
 *
 * @module
 */
import { legacyIssue, type RawIssue } from "./legacy_issue.ts";

/** Parameters of Zod 3 for messages. Zod 4 keeps them with the others of a schema. */
interface LegacyParams {
  readonly required_error?: unknown;
  readonly invalid_type_error?: unknown;
  readonly errorMap?: unknown;
}

/** The message that a schema has by such a parameter; `undefined` when it has none. */
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

/** The parts of Zod that make its two kinds of errors. */
interface Zod {
  string(): { parse(value: unknown): unknown; safeParse(value: unknown): { error?: object } };
}

/** Gives Zod's errors their list under its old name, `errors`. */
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
