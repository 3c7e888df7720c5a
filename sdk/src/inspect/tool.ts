/**
 * Builds the manifest of one tool.
 *
 * @module
 */
import type { AnyFunctionDefinition } from "../definition/define.ts";
import type { FunctionConfig, HttpMethod } from "../definition/config.ts";
import { readCors } from "./cors.ts";
import { readCron } from "./cron.ts";
import { toJsonSchema } from "./json_schema.ts";
import { checkKeys } from "./keys.ts";
import type { ToolManifest } from "./manifest.ts";
import { checkPath } from "./path.ts";
import type { Problem, Report } from "./report.ts";

const DEFAULT_METHODS: readonly HttpMethod[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const METHODS: readonly string[] = [...DEFAULT_METHODS, "HEAD", "OPTIONS"];
const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const MAX_DESCRIPTION = 1_024;
const MAX_KEEP_WARM = 1_000;

const DEFINE_KEYS = ["name", "description", "input", "output", "config", "annotations", "handler"];

/** The input of {@link inspectTool}. */
export interface ToolSource {
  readonly key: string;
  /** The name of the tool in messages. */
  readonly label: string;
  readonly definition: AnyFunctionDefinition;
  /** The tool's settings, merged over the app's settings and those of `jelou.json`. */
  readonly config: FunctionConfig;
  readonly defaultName: string;
  readonly defaultPath: string;
}

/** Builds the manifest of one tool and reports its problems. */
export function inspectTool(source: ToolSource, report: Report): ToolManifest {
  const { key, label, definition, config } = source;
  const problem = (text: string) => void report.problems.push(`${label}: ${text}`);
  if (typeof definition.handler !== "function") {
    problem(`\`handler\` must be a function, and is ${typeof definition.handler}`);
  }
  checkKeys(definition, DEFINE_KEYS, problem);
  const methods = readMethods(config.methods, problem);
  const query = methods.includes("GET");
  const onlyQuery = query && methods.every((method) => ["GET", "HEAD", "OPTIONS"].includes(method));
  return {
    key,
    name: readName(definition.name ?? source.defaultName, problem),
    description: readDescription(definition.description, problem),
    path: checkPath(config.path ?? source.defaultPath, problem),
    methods,
    timeoutMs: readTimeout(config.timeout, problem),
    mcp: readFlag("mcp", config.mcp, true, problem),
    public: readFlag("public", config.public, false, problem),
    cors: readCors(config.cors, label, report),
    cron: readCron(config.cron, problem),
    inputSchema: toJsonSchema(definition.input, { label, part: "input", query, onlyQuery }, report),
    outputSchema: toJsonSchema(definition.output, { label, part: "output" }, report),
    annotations: readAnnotations(definition.annotations, problem),
  };
}

function readName(name: unknown, problem: Problem): string {
  if (typeof name === "string" && NAME.test(name)) return name;
  const shown = typeof name === "string" ? `"${name}" (${name.length} characters)` : `a ${typeof name}`;
  problem(`the tool name must match [a-zA-Z0-9_-]{1,64}, and is ${shown}. Set \`name\` in define()`);
  return String(name);
}

function readDescription(description: unknown, problem: Problem): string {
  if (typeof description !== "string" || description.trim() === "") {
    problem("`description` is missing: a text that says what the function does");
    return "";
  }
  const length = [...description].length;
  if (length > MAX_DESCRIPTION) {
    problem(`\`description\` may have up to 1,024 characters, and has ${length.toLocaleString("en-US")}`);
  }
  return description;
}

function readMethods(methods: unknown, problem: Problem): readonly HttpMethod[] {
  if (methods === undefined) return DEFAULT_METHODS;
  if (!Array.isArray(methods) || methods.length === 0) {
    problem(`\`config.methods\` must be a list of at least one of ${METHODS.join(", ")}`);
    return DEFAULT_METHODS;
  }
  const known = new Set<HttpMethod>();
  for (const method of methods) {
    const upper = typeof method === "string" ? method.toUpperCase() : method;
    if (METHODS.includes(upper)) known.add(upper);
    else problem(`\`config.methods\` has ${JSON.stringify(method)}; known are ${METHODS.join(", ")}`);
  }
  return [...known];
}

/** Returns the timeout in milliseconds, or `null` for the server's default. The server checks the maximum. */
export function readTimeout(timeout: unknown, problem: Problem): number | null {
  if (timeout === undefined) return null;
  if (typeof timeout === "number" && timeout >= 1 && timeout <= Number.MAX_SAFE_INTEGER) {
    return Math.round(timeout);
  }
  problem(`\`config.timeout\` must be a number of milliseconds, at least 1, and is ${String(timeout)}`);
  return null;
}

/** Returns the number of processes that stay loaded. The server enforces its own maximum. */
export function readKeepWarm(value: unknown, problem: Problem): number {
  if (value === undefined) return 0;
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_KEEP_WARM) {
    return value;
  }
  problem(
    `\`config.keepWarm\` must be a whole number of processes, at most ${MAX_KEEP_WARM}, and is ${
      String(value)
    }`,
  );
  return 0;
}

function readFlag(name: string, value: unknown, usual: boolean, problem: Problem): boolean {
  if (value === undefined) return usual;
  if (typeof value !== "boolean") {
    problem(`\`config.${name}\` must be true or false, and is ${JSON.stringify(value)}`);
  }
  return value === true;
}

function readAnnotations(annotations: unknown, problem: Problem): ToolManifest["annotations"] {
  if (annotations === undefined || annotations === null) return null;
  if (typeof annotations === "object" && !Array.isArray(annotations)) {
    return JSON.parse(JSON.stringify(annotations));
  }
  problem("`annotations` must be an object");
  return null;
}
