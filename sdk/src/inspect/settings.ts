/**
 * Reads the settings of `jelou.json`. They have the same meaning as `config` in code.
 *
 * @module
 */
import type { FunctionConfig } from "../definition/config.ts";
import { nearMiss } from "./keys.ts";
import { checkPath } from "./path.ts";
import type { Problem, Report } from "./report.ts";

/** The settings that the inspection uses. The other members of `jelou.json` are for the upload. */
export interface Settings {
  readonly config: FunctionConfig;
  /** Routes that need no token, for a function with a web handler. */
  readonly publicRoutes: readonly string[];
  /** Whether the secrets are also in the environment of the process. */
  readonly env: boolean;
}

/** All members that `jelou.json` can have. */
const KEYS = [
  ...["$schema", "function", "id", "entrypoint", "include", "exclude", "assets"],
  ...["public", "cors", "timeout", "cron", "env", "logs", "openapi", "keepWarm"],
];

const LABEL = "jelou.json";

/**
 * Reads the settings and reports their problems. The values of `config` are checked later, together with the values in
 * code.
 */
export function readSettings(members: Readonly<Record<string, unknown>>, report: Report): Settings {
  const problem = settingsProblem(report);
  for (const key of Object.keys(members)) {
    if (KEYS.includes(key)) continue;
    const near = nearMiss(key, KEYS);
    const hint = near === null ? `known are ${KEYS.slice(1).join(", ")}` : `did you mean "${near}"?`;
    problem(`there is no setting "${key}"; ${hint}`);
  }
  const { cors, timeout, cron, keepWarm, logs } = members as FunctionConfig;
  const isPublic = members.public;
  const routes = Array.isArray(isPublic) ? isPublic : [];
  for (const route of routes) checkPath(route, (text) => problem(text.replace("config.path", "public")));
  if (isPublic !== undefined && typeof isPublic !== "boolean" && !Array.isArray(isPublic)) {
    problem('`public` must be true, false or a list of routes like ["/webhooks/*"]');
  }
  if (members.env !== undefined && typeof members.env !== "boolean") {
    problem("`env` must be true or false: whether the secrets are also in process.env and Deno.env");
  }
  if (members.openapi !== undefined && typeof members.openapi !== "string") {
    problem('`openapi` must be the path of a file like "openapi.json"');
  }
  const config: FunctionConfig = {
    ...timeout === undefined ? {} : { timeout },
    ...cors === undefined ? {} : { cors },
    ...cron === undefined ? {} : { cron },
    ...keepWarm === undefined ? {} : { keepWarm },
    ...logs === undefined ? {} : { logs },
    ...typeof isPublic === "boolean" ? { public: isPublic } : {},
  };
  return { config, publicRoutes: routes.map(String), env: members.env !== false };
}

/** Returns a reporter for problems of values in `jelou.json`. */
export function settingsProblem(report: Report): Problem {
  return (text) => void report.problems.push(`${LABEL}: ${text.replaceAll("`config.", "`")}`);
}

/**
 * Merges the settings with the `config` in code. Reports a value that is set differently in both, because one of them
 * would have no effect.
 */
export function mergeSettings(
  config: FunctionConfig,
  settings: Settings,
  label: string,
  report: Report,
): FunctionConfig {
  const inCode = config as Record<string, unknown>;
  for (const [key, value] of Object.entries(settings.config)) {
    if (inCode[key] === undefined || isSame(inCode[key], value)) continue;
    report.problems.push(
      `${LABEL} and ${label} contradict each other: "${key}" is ${show(value)} in ${LABEL}, and ` +
        `${show(inCode[key])} in \`config.${key}\`. Remove one of them`,
    );
  }
  if (settings.publicRoutes.length > 0) {
    report.problems.push(
      `${LABEL}: a list in \`public\` is for functions with a web handler; ` +
        `in define() and app(), each tool has \`config: { public: true }\``,
    );
  }
  return { ...settings.config, ...config };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function show(value: unknown): string {
  return JSON.stringify(value);
}
