/**
 * Builds the manifest of a function with a web handler.
 *
 * @module
 */
import type { HttpMethod } from "../definition/config.ts";
import type { WebHandler } from "../worker/handlers/handler.ts";
import { checkSchedules } from "./function_rules.ts";
import { readCors } from "./cors.ts";
import { readCron } from "./cron.ts";
import { readLogs } from "./logs.ts";
import type { Manifest, ToolManifest } from "./manifest.ts";
import { routesOf } from "./routes.ts";
import { type Settings, settingsProblem } from "./settings.ts";
import { readKeepWarm, readTimeout } from "./tool.ts";
import type { Report } from "./report.ts";

/** Builds the manifest: one tool for all paths, and one more for each route that needs no token. */
export function inspectHandler(
  handler: WebHandler,
  functionSlug: string,
  settings: Settings,
  report: Report,
): Manifest {
  const { config, publicRoutes } = settings;
  const problem = settingsProblem(report);
  const corsReport: Report = { problems: [], warnings: report.warnings };
  const tool: ToolManifest = {
    key: "default",
    name: functionSlug,
    description: "",
    path: "*",
    methods: handler.methods as readonly HttpMethod[],
    timeoutMs: readTimeout(config.timeout, problem),
    mcp: false,
    public: config.public === true,
    cors: readCors(config.cors, "", corsReport),
    cron: readCron(config.cron, problem),
    inputSchema: null,
    outputSchema: null,
    annotations: null,
  };
  for (const text of corsReport.problems) problem(text.replace(/^: /, ""));
  checkSchedules([tool], report);
  const open = new Set(publicRoutes);
  const isAllOpen = open.delete("*") || open.delete("/*");
  return {
    mode: "handler",
    name: null,
    description: "",
    tools: [
      { ...tool, public: tool.public || isAllOpen },
      ...[...open].map((path, index) => ({
        ...tool,
        key: `public-${index + 1}`,
        path,
        public: true,
        cron: [],
      })),
    ],
    env: settings.env,
    keepWarm: readKeepWarm(config.keepWarm, problem),
    logs: readLogs(config.logs, problem),
    routes: routesOf(handler.app),
  };
}
