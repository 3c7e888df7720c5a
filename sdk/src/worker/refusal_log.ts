/**
 * Log lines for requests that the platform refuses before the handler runs. They contain the names of fields and never
 * values.
 *
 * @module
 */
import { log } from "./log.ts";
import { now } from "./primordials.ts";
import type { IssueDetail } from "./validation.ts";

/** Maximum number of lines per second, because callers can cause any number of refusals. */
const MAX_LINES_PER_SECOND = 20;
/** Maximum number of fields in one line. */
const MAX_FIELDS = 10;

/** When the current second began, in milliseconds since the Unix epoch. */
let since = 0;
let lines = 0;
let dropped = 0;

/** Logs that a request was refused. */
export function logRefusal(
  tool: string,
  status: number,
  reason: string,
  details: readonly IssueDetail[],
): void {
  const current = now();
  if (current - since >= 1000 || current < since) {
    since = current;
    lines = 0;
    if (dropped > 0) {
      log("INFO", [
        `${dropped} refused requests were not logged: a process gets ${MAX_LINES_PER_SECOND} of these lines a second`,
      ]);
      dropped = 0;
    }
  }
  if (lines >= MAX_LINES_PER_SECOND) {
    dropped++;
    return;
  }
  lines++;
  log("INFO", [`Request refused with ${status}: ${reason}`, { tool, fields: fieldsOf(details) }]);
}

function fieldsOf(details: readonly IssueDetail[]): string[] {
  const fields: string[] = [];
  for (let index = 0; index < details.length && index < MAX_FIELDS; index++) {
    const { path, code } = details[index]!;
    fields[index] = `${path.length === 0 ? "(input)" : joined(path)}: ${code}`;
  }
  if (details.length > MAX_FIELDS) fields[MAX_FIELDS] = `and ${details.length - MAX_FIELDS} more`;
  return fields;
}

function joined(path: readonly (string | number)[]): string {
  let text = String(path[0]);
  for (let index = 1; index < path.length; index++) text += "." + path[index];
  return text;
}
