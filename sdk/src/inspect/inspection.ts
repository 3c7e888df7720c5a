/**
 * Reads the manifest of a definition.
 *
 * @module
 */
import type { AppDefinition } from "../definition/app.ts";
import { DEFINITION } from "../definition/brand.ts";
import type { AnyFunctionDefinition } from "../definition/define.ts";
import type { FunctionConfig } from "../definition/config.ts";
import type { Loaded } from "../worker/module.ts";
import { checkFunction } from "./function_rules.ts";
import { checkKeys } from "./keys.ts";
import { readLogs } from "./logs.ts";
import type { Manifest, ToolManifest } from "./manifest.ts";
import { checkForModels } from "./model_rules.ts";
import type { Report } from "./report.ts";
import { mergeSettings, readSettings, type Settings } from "./settings.ts";
import { inspectTool, readKeepWarm } from "./tool.ts";
import { inspectHandler } from "./web_handler.ts";

/** The result of an inspection. The manifest is valid only if `problems` is empty. */
export interface Inspection extends Readonly<Report> {
  readonly manifest: Manifest;
}

/** Reads the manifest of a definition and collects all its problems. */
export function inspect(
  { definition, handler }: Loaded,
  functionSlug: string,
  members: Readonly<Record<string, unknown>> = {},
): Inspection {
  const report: Report = { problems: [], warnings: [] };
  const settings = readSettings(members, report);
  if (handler !== null) {
    return { manifest: inspectHandler(handler, functionSlug, settings, report), ...report };
  }
  const manifest = definition[DEFINITION] === "app"
    ? inspectApp(definition as AppDefinition, settings, report)
    : inspectDefine(definition as AnyFunctionDefinition, functionSlug, settings, report);
  checkFunction(manifest, report);
  for (const tool of manifest.tools) {
    const label = manifest.mode === "app" ? `tool "${tool.key}"` : "define()";
    checkForModels(tool, label, functionSlug, report);
  }
  return { manifest, ...report };
}

function inspectDefine(
  definition: AnyFunctionDefinition,
  functionSlug: string,
  settings: Settings,
  report: Report,
): Manifest {
  const config = mergeSettings(asConfig(definition.config, "define()", report), settings, "define()", report);
  const tool = inspectTool({
    key: "default",
    label: "define()",
    definition,
    config,
    defaultName: functionSlug,
    defaultPath: "*",
  }, report);
  return {
    mode: "define",
    name: typeof definition.name === "string" ? definition.name : null,
    description: tool.description,
    tools: [tool],
    env: settings.env,
    keepWarm: readKeepWarm(config.keepWarm, (text) => report.problems.push(`define(): ${text}`)),
    logs: readLogs(config.logs, (text) => report.problems.push(`define(): ${text}`)),
    routes: [],
  };
}

function inspectApp(definition: AppDefinition, settings: Settings, report: Report): Manifest {
  checkKeys(definition, APP_KEYS, (text) => report.problems.push(`app(): ${text}`));
  const shared = mergeSettings(asConfig(definition.config, "app()", report), settings, "app()", report);
  const tools: ToolManifest[] = [];
  for (const [key, tool] of Object.entries(asTools(definition.tools, report))) {
    const label = `tool "${key}"`;
    if (tool?.[DEFINITION] !== "define") {
      report.problems.push(`${label}: every tool of app() must be made with define({ ... })`);
      continue;
    }
    const own = withoutUndefined(asConfig(tool.config, label, report));
    if (own.keepWarm !== undefined) {
      report.problems.push(
        `${label}: \`keepWarm\` is for the whole function; set it in the \`config\` of app()`,
      );
    }
    if (own.logs !== undefined) {
      report.problems.push(`${label}: \`config.logs\` belongs to the whole function; set it in app()`);
    }
    tools.push(inspectTool({
      key,
      label,
      definition: tool,
      config: { ...shared, ...own },
      defaultName: key,
      defaultPath: "/" + kebabCase(key),
    }, report));
  }
  const { name = null, description = "" } = definition;
  if (name !== null && typeof name !== "string") report.problems.push("app(): `name` must be a string");
  if (typeof description !== "string") report.problems.push("app(): `description` must be a string");
  const problem = (text: string) => report.problems.push(`app(): ${text}`);
  return {
    mode: "app",
    name,
    description,
    tools,
    env: settings.env,
    keepWarm: readKeepWarm(shared.keepWarm, problem),
    logs: readLogs(shared.logs, problem),
    routes: [],
  };
}

const APP_KEYS = ["name", "description", "config", "tools"];
const CONFIG_KEYS = ["path", "methods", "timeout", "mcp", "public", "cors", "cron", "keepWarm", "logs"];

function asTools(tools: unknown, report: Report): Record<string, AnyFunctionDefinition> {
  if (typeof tools === "object" && tools !== null && Object.keys(tools).length > 0) {
    return tools as Record<string, AnyFunctionDefinition>;
  }
  report.problems.push("app(): `tools` must be an object with at least one define({ ... }) by key");
  return {};
}

function asConfig(config: unknown, label: string, report: Report): FunctionConfig {
  if (config === undefined || config === null) return {};
  if (typeof config === "object" && !Array.isArray(config)) {
    checkKeys(config, CONFIG_KEYS, (text) => report.problems.push(`${label}: \`config\` ${text}`));
    return config;
  }
  report.problems.push(`${label}: \`config\` must be an object, and is ${typeof config}`);
  return {};
}

function withoutUndefined(config: FunctionConfig): FunctionConfig {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

/** Converts a key: `sendEmail` becomes `send-email`, `getHTTPStatus` becomes `get-http-status`. */
export function kebabCase(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .replace(/[_\s]+/g, "-")
    .toLowerCase();
}
