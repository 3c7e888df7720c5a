/**
 * Reads `config.logs`.
 *
 * @module
 */
import { checkKeys } from "./keys.ts";
import type { LogsManifest } from "./manifest.ts";
import type { Problem } from "./report.ts";

const LEVELS: readonly unknown[] = ["debug", "info", "warn", "error"];

/** Reads the rules and reports their problems. */
export function readLogs(logs: unknown, problem: Problem): LogsManifest {
  if (typeof logs !== "object" || logs === null || Array.isArray(logs)) {
    if (logs !== undefined) problem('`config.logs` must be an object like { level: "info", sample: 0.1 }');
    return { level: "DEBUG", sample: 1 };
  }
  checkKeys(logs, ["level", "sample"], (text) => problem(`\`config.logs\` ${text}`));
  const { level = "debug", sample = 1 } = logs as { level?: unknown; sample?: unknown };
  if (!LEVELS.includes(level)) {
    problem(`\`config.logs.level\` must be debug, info, warn or error, and is ${JSON.stringify(level)}`);
  }
  if (typeof sample !== "number" || !(sample >= 0 && sample <= 1)) {
    problem(`\`config.logs.sample\` must be a number from 0 to 1, and is ${JSON.stringify(sample)}`);
  }
  return { level: String(level).toUpperCase() as LogsManifest["level"], sample: Number(sample) };
}
