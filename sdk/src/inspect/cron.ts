/**
 * Reads the schedules of a tool and reports common mistakes. The server parses the cron expressions.
 *
 * @module
 */
import { checkKeys } from "./keys.ts";
import type { CronManifest } from "./manifest.ts";
import type { Problem } from "./report.ts";

const CRON_KEYS = [
  ...["expression", "timezone", "name", "botId"],
  ...["catchUp", "overlap", "retry", "spread", "timeout"],
];
const RETRY_KEYS = ["max", "backoff"];
const MAX_NAME = 100;
const MAX_RETRIES = 5;
const HOUR_MS = 3_600_000;
const DEFAULT_BACKOFF_MS = 10_000;

export function readCron(cron: unknown, problem: Problem): CronManifest[] {
  if (cron === undefined || cron === null) return [];
  if (!Array.isArray(cron)) {
    problem('`config.cron` must be a list, e.g. [{ expression: "0 9 * * *" }]');
    return [];
  }
  return cron.map((schedule, index) =>
    readSchedule(schedule, (text) => problem(`\`config.cron[${index}]\`${text}`))
  );
}

function readSchedule(schedule: unknown, problem: Problem): CronManifest {
  const { expression, timezone = "UTC", name = null, botId = null, ...rules } = (schedule ?? {}) as Record<
    string,
    unknown
  >;
  checkKeys(Object(schedule), CRON_KEYS, (text) => problem(` ${text}`));
  if (typeof expression !== "string" || expression.trim() === "") {
    problem(' needs an `expression`, e.g. "0 9 * * *"');
  }
  if (!isTimezone(timezone)) {
    problem(
      ` has an unknown time zone, ${JSON.stringify(timezone)}; use an IANA name like "America/Guayaquil"`,
    );
  }
  if (botId !== null && (typeof botId !== "string" || botId === "")) {
    problem(": `botId` must be a non-empty string");
  }
  if (name !== null && !isName(name)) {
    problem(`: \`name\` must be a text of 1 to ${MAX_NAME} characters, other than "*"`);
  }
  return {
    expression: String(expression).trim(),
    timezone: String(timezone),
    name: name as string | null,
    botId: botId as string | null,
    catchUp: oneOf(rules.catchUp, "catchUp", ["none", "last"], problem),
    overlap: oneOf(rules.overlap, "overlap", ["skip", "queue", "allow"], problem),
    retry: readRetry(rules.retry, problem),
    spreadMs: whole(rules.spread, "spread", 0, HOUR_MS, problem),
    timeoutMs: whole(rules.timeout, "timeout", 1, Number.MAX_SAFE_INTEGER, problem),
  };
}

function readRetry(retry: unknown, problem: Problem): CronManifest["retry"] {
  if (retry === undefined || retry === null) return null;
  if (typeof retry !== "object") {
    problem(": `retry` must be an object, e.g. { max: 3, backoff: 10_000 }");
    return null;
  }
  checkKeys(retry, RETRY_KEYS, (text) => problem(`: \`retry\` ${text}`));
  const { max, backoff } = retry as Record<string, unknown>;
  if (max === undefined) problem(": `retry` needs `max`: the number of further attempts");
  return {
    max: whole(max, "retry.max", 1, MAX_RETRIES, problem) ?? 1,
    backoffMs: whole(backoff, "retry.backoff", 0, HOUR_MS, problem) ?? DEFAULT_BACKOFF_MS,
  };
}

/** Checks that a value is one of `known`. The default is the first of them. */
function oneOf<T extends string>(value: unknown, key: string, known: [T, ...T[]], problem: Problem): T {
  if (value === undefined || value === null) return known[0];
  if (!known.includes(value as T)) {
    problem(
      `: \`${key}\` is ${JSON.stringify(value)}; known are ${known.map((word) => `"${word}"`).join(", ")}`,
    );
  }
  return value as T;
}

function whole(value: unknown, key: string, min: number, max: number, problem: Problem): number | null {
  if (value === undefined || value === null) return null;
  if (!Number.isSafeInteger(value) || (value as number) < min || (value as number) > max) {
    const most = max === Number.MAX_SAFE_INTEGER ? "" : ` and at most ${max.toLocaleString("en")}`;
    problem(`: \`${key}\` must be a whole number, at least ${min}${most}, and is ${JSON.stringify(value)}`);
  }
  return value as number;
}

function isName(name: unknown): boolean {
  return typeof name === "string" && name.trim() !== "" && name !== "*" && [...name].length <= MAX_NAME;
}

function isTimezone(timezone: unknown): boolean {
  if (typeof timezone !== "string") return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    // Intl also accepts offsets such as "+05:00". An offset is not an IANA name and has no daylight saving time.
    return !/^[+-]/.test(timezone);
  } catch {
    return false;
  }
}
