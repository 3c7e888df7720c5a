/**
 * The schedules of a tool. Reports common mistakes at deploy. It does not parse the fields of the cron
 * expression.
 *
 * @module
 */
import { checkKeys } from "./keys.ts";
import type { CronManifest } from "./manifest.ts";
import type { Problem } from "./report.ts";

const CRON_KEYS = ["expression", "timezone", "name", "botId"];

export function readCron(cron: unknown, problem: Problem): CronManifest[] {
  if (cron === undefined || cron === null) return [];
  if (!Array.isArray(cron)) {
    problem('`config.cron` must be a list, e.g. [{ expression: "0 9 * * *" }]');
    return [];
  }
  return cron.map((schedule, index) => readSchedule(schedule, `\`config.cron[${index}]\``, problem));
}

function readSchedule(schedule: unknown, where: string, problem: Problem): CronManifest {
  const { expression, timezone = "UTC", name = null, botId = null } = (schedule ?? {}) as Record<
    string,
    unknown
  >;
  checkKeys(Object(schedule), CRON_KEYS, (text) => problem(`${where} ${text}`));
  if (typeof expression !== "string" || expression.trim() === "") {
    problem(`${where} needs an \`expression\`, e.g. "0 9 * * *"`);
  } else {
    const fields = expression.trim().split(/\s+/).length;
    if (fields !== 5) {
      problem(
        `${where} has the expression "${expression}" with ${fields} field${fields === 1 ? "" : "s"}; ` +
          "it needs five: minute, hour, day of month, month, day of week",
      );
    }
  }
  if (!isTimezone(timezone)) {
    problem(
      `${where} has an unknown time zone, ${
        JSON.stringify(timezone)
      }; use an IANA name like "America/Guayaquil"`,
    );
  }
  for (const [field, value] of Object.entries({ name, botId })) {
    if (value !== null && (typeof value !== "string" || value === "")) {
      problem(`${where}: \`${field}\` must be a non-empty string`);
    }
  }
  return {
    expression: String(expression).trim(),
    timezone: String(timezone),
    name: name as string | null,
    botId: botId as string | null,
  };
}

function isTimezone(timezone: unknown): boolean {
  if (typeof timezone !== "string") return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: timezone });
    // Intl also accepts offsets such as "+05:00", but an offset is no IANA name and has no daylight-saving
    // rules.
    return !/^[+-]/.test(timezone);
  } catch {
    return false;
  }
}
