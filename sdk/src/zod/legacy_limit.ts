/**
 * Zod 3's messages for a value that is too small or too big.
 *
 * @module
 */
import type { RawIssue } from "./legacy_issue.ts";

/** Builds the message of a `too_small` or `too_big` issue. */
export function describeLimit(code: "too_small" | "too_big", issue: RawIssue): string {
  const small = code === "too_small";
  const limit = small ? issue.minimum : issue.maximum;
  const degree = issue.exact ? "exact" : issue.inclusive ? "inclusive" : "exclusive";
  switch (issue.origin) {
    case "string":
      return `String must contain ${COUNT[code].string[degree]} ${String(limit)} character(s)`;
    case "array":
      return `Array must contain ${COUNT[code].array[degree]} ${String(limit)} element(s)`;
    case "number":
    case "int":
      return `Number must be ${small ? AT_LEAST[degree] : AT_MOST[degree]} ${String(limit)}`;
    case "bigint":
      return small
        ? `Number must be ${AT_LEAST[degree]} ${String(limit)}`
        : `BigInt must be ${AT_MOST[degree]} ${String(limit)}`;
    case "date":
      return `Date must be ${small ? AT_LEAST[degree] : NOT_LATER[degree]} ${new Date(Number(limit))}`;
    default:
      return "Invalid input";
  }
}

const COUNT = {
  too_small: {
    string: { exact: "exactly", inclusive: "at least", exclusive: "over" },
    array: { exact: "exactly", inclusive: "at least", exclusive: "more than" },
  },
  too_big: {
    string: { exact: "exactly", inclusive: "at most", exclusive: "under" },
    array: { exact: "exactly", inclusive: "at most", exclusive: "less than" },
  },
};

const AT_LEAST = {
  exact: "exactly equal to",
  inclusive: "greater than or equal to",
  exclusive: "greater than",
};
const AT_MOST = { exact: "exactly", inclusive: "less than or equal to", exclusive: "less than" };
const NOT_LATER = { exact: "exactly", inclusive: "smaller than or equal to", exclusive: "smaller than" };
