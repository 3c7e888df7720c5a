/**
 * Zod 3's messages for a string with a wrong format.
 *
 * @module
 */
import type { RawIssue } from "./legacy_issue.ts";

/** The names of formats in Zod 3 where they differ, by their name in Zod 4. */
const FORMAT: Record<string, string> = {
  ipv4: "ip",
  ipv6: "ip",
  cidrv4: "cidr",
  cidrv6: "cidr",
  guid: "uuid",
  uuidv4: "uuid",
  uuidv6: "uuid",
  uuidv7: "uuid",
};

/** Builds the message of an `invalid_format` issue. */
export function describeFormat(issue: RawIssue): string {
  const format = String(issue.format);
  switch (format) {
    case "includes": {
      const position = (issue.inst?._zod?.def as { position?: number } | undefined)?.position;
      const where = typeof position === "number"
        ? ` at one or more positions greater than or equal to ${position}`
        : "";
      return `Invalid input: must include "${String(issue.includes)}"${where}`;
    }
    case "starts_with":
      return `Invalid input: must start with "${String(issue.prefix)}"`;
    case "ends_with":
      return `Invalid input: must end with "${String(issue.suffix)}"`;
    case "regex":
    case "lowercase":
    case "uppercase":
    case "template_literal":
      return "Invalid";
    default:
      return `Invalid ${FORMAT[format] ?? format}`;
  }
}
