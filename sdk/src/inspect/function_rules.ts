/**
 * Rules that span all tools of a function.
 *
 * @module
 */
import type { Manifest, ToolManifest } from "./manifest.ts";
import { routeShape } from "./path.ts";
import type { Report } from "./report.ts";

const MAX_SCHEDULES = 10;

/** Finds conflicts between the names, routes and schedules of the tools. */
export function checkFunction(manifest: Manifest, report: Report): void {
  const { tools } = manifest;
  checkNames(tools, report);
  checkRoutes(tools, report);
  checkSchedules(tools, report);
}

function checkNames(tools: readonly ToolManifest[], report: Report): void {
  const owners = new Map<string, string>();
  for (const { key, name } of tools) {
    const owner = owners.get(name);
    if (owner !== undefined) {
      report.problems.push(
        `The tools "${owner}" and "${key}" have the same name, "${name}". Set another \`name\``,
      );
    }
    owners.set(name, key);
  }
}

function checkRoutes(tools: readonly ToolManifest[], report: Report): void {
  const owners = new Map<string, ToolManifest>();
  for (const tool of tools) {
    for (const method of tool.methods) {
      const route = `${method} ${routeShape(tool.path)}`;
      const owner = owners.get(route);
      if (owner !== undefined) {
        report.problems.push(
          `The tools "${owner.key}" and "${tool.key}" have the same route, ${method} ${tool.path}.` +
            " Set another `config.path` or `config.methods`",
        );
        break;
      }
      owners.set(route, tool);
    }
  }
}

/** Checks the number and the names of the schedules. */
export function checkSchedules(tools: readonly ToolManifest[], report: Report): void {
  const schedules = tools.flatMap((tool) => tool.cron);
  if (schedules.length > MAX_SCHEDULES) {
    report.problems.push(
      `A function may have up to ${MAX_SCHEDULES} schedules, and this one has ${schedules.length}`,
    );
  }
  const names = new Set<string>();
  for (const { name } of schedules) {
    if (name === null) continue;
    if (names.has(name)) report.problems.push(`Two schedules have the name "${name}"; names must differ`);
    names.add(name);
  }
}
