/**
 * Rules of model APIs and MCP clients. A violation is a warning, because other callers can still use the
 * tool.
 *
 * @module
 */
import type { JsonSchema, ToolManifest } from "./manifest.ts";
import type { Report } from "./report.ts";

/** Maximum length of a tool's name in model APIs, in characters. */
const MAX_NAME = 64;

/** Warns about a tool that some MCP clients cannot use. */
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

/** Whether a schema's references form a cycle. */
function isRecursive(part: unknown, root: JsonSchema, around: readonly unknown[]): boolean {
  if (typeof part !== "object" || part === null) return false;
  if (around.includes(part)) return true;
  const within = [...around, part];
  for (const [keyword, value] of Object.entries(part)) {
    // A definition counts only where a `$ref` uses it.
    if (part === root && (keyword === "$defs" || keyword === "definitions")) continue;
    const next = keyword === "$ref" && typeof value === "string" ? target(value, root) : value;
    if (isRecursive(next, root, within)) return true;
  }
  return false;
}

/** Resolves a reference inside the document. */
function target(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith("#")) return undefined;
  const steps = reference.slice(1).split("/").slice(1);
  return steps.reduce<unknown>((part, step) => {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return (part as Record<string, unknown> | undefined)?.[name];
  }, root);
}
