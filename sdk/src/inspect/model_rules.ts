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
/** An argument name that all model APIs accept. */
const ARGUMENT = /^[a-zA-Z0-9_.-]{1,64}$/;
/** Maximum number of arguments that a warning names. */
const MAX_PLACES = 3;

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
  const { inputSchema } = tool;
  if (inputSchema === null) return;
  if (isRecursive(inputSchema, inputSchema, [])) {
    report.warnings.push(
      `${label}: \`input\` contains itself, which some MCP clients cannot follow. Limit its depth, or set \`config.mcp\` to false`,
    );
  }
  const names = argumentNames(inputSchema).filter((name) => !ARGUMENT.test(name));
  if (names.length > 0) {
    report.warnings.push(
      `${label}: some model APIs refuse ${
        named(names)
      }, and with it every tool of their request: the name of an ` +
        "argument is 1 to 64 letters of a to z, digits, _, . and -",
    );
  }
}

function named(places: readonly string[]): string {
  const shown = places.slice(0, MAX_PLACES).map((place) => `\`${place}\``).join(", ");
  return places.length > MAX_PLACES ? `${shown} and ${places.length - MAX_PLACES} more` : shown;
}

/** Returns the names of an object's properties, including those in its `allOf`, `anyOf` and `oneOf` schemas. */
function argumentNames(schema: JsonSchema): string[] {
  const parts = ["allOf", "anyOf", "oneOf"].flatMap((keyword) => (schema[keyword] ?? []) as JsonSchema[]);
  const names = [schema, ...parts].flatMap((part) => Object.keys(part.properties ?? {}));
  return [...new Set(names)];
}

/** Whether a schema's references form a cycle. */
function isRecursive(part: unknown, root: JsonSchema, around: readonly unknown[]): boolean {
  if (typeof part !== "object" || part === null) return false;
  if (around.includes(part)) return true;
  const within = [...around, part];
  for (const [keyword, value] of Object.entries(part)) {
    // A definition counts only where a `$ref` points to it.
    if (part === root && (keyword === "$defs" || keyword === "definitions")) continue;
    const next = keyword === "$ref" && typeof value === "string" ? target(value, root) : value;
    if (isRecursive(next, root, within)) return true;
  }
  return false;
}

/** Resolves a reference within the document. */
function target(reference: string, root: JsonSchema): unknown {
  if (!reference.startsWith("#")) return undefined;
  const steps = reference.slice(1).split("/").slice(1);
  return steps.reduce<unknown>((part, step) => {
    const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return (part as Record<string, unknown> | undefined)?.[name];
  }, root);
}
