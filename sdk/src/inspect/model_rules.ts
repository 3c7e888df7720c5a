/**
 * What model APIs and MCP clients are known not to take: warnings, because other callers are not concerned.
 *
 * @module
 */
import type { JsonSchema, ToolManifest } from "./manifest.ts";
import type { Report } from "./report.ts";

/** Characters of a tool's name for model APIs. */
const MAX_NAME = 64;

/** Warns of a tool that some MCP clients cannot use. */
export function checkForModels(tool: ToolManifest, label: string, slug: string, report: Report): void {
  if (!tool.mcp) return;
  const prefixed = `mcp__${slug}__${tool.name}`;
  if (prefixed.length > MAX_NAME) {
    report.warnings.push(
      `${label}: MCP clients call it ${prefixed}, which has ${prefixed.length} characters, and model APIs take ` +
        `${MAX_NAME}. Set a shorter \`name\``,
    );
  }
  if (tool.inputSchema !== null && isRecursive(tool.inputSchema, tool.inputSchema, [])) {
    report.warnings.push(
      `${label}: \`input\` contains itself, which some MCP clients cannot follow. Limit its depth, or set \`config.mcp\` to false`,
    );
  }
}

/** Whether following the references of a schema comes back to where it was. */
function isRecursive(part: unknown, root: JsonSchema, around: readonly unknown[]): boolean {
  if (typeof part !== "object" || part === null) return false;
  if (around.includes(part)) return true;
  const within = [...around, part];
  for (const [keyword, value] of Object.entries(part)) {
    // Definitions count where they are referred to.
    if (part === root && (keyword === "$defs" || keyword === "definitions")) continue;
    const next = keyword === "$ref" && typeof value === "string" ? target(value, root) : value;
    if (isRecursive(next, root, within)) return true;
  }
  return false;
}

/** What a reference inside the document points at. */
function target(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith("#")) return undefined;
  const steps = reference.slice(1).split("/").slice(1);
  return steps.reduce<unknown>((part, step) => {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return (part as Record<string, unknown> | undefined)?.[name];
  }, root);
}
