/**
 * Prepares the tools of a loaded function for the request path.
 *
 * @module
 */
import { DEFINITION } from "../definition/brand.ts";
import type { AnyFunctionDefinition } from "../definition/define.ts";
import { positionOf } from "./bundle_position.ts";
import { DEFAULT_TOOL } from "./call_facts.ts";
import { type Definition, LoadError } from "./module.ts";
import { create, functionToString, matches } from "./primordials.ts";
import { compileValidator, type Validator } from "./validation.ts";

export interface Tool {
  readonly key: string;
  /** Returns the position of the tool's handler, or `null` if it is unknown. */
  readonly definedAt: () => string | null;
  readonly handler: (input: unknown, ctx: unknown, request?: Request) => unknown;
  /** Whether the handler may use its third argument. */
  readonly mayUseRequest: boolean;
  readonly validateInput: Validator | null;
  readonly validateOutput: Validator | null;
}

/** The tools of a function by key. A function with `define()` has only the tool {@link DEFAULT_TOOL}. */
export type Tools = Readonly<Record<string, Tool>>;

/**
 * Prepares the tools.
 *
 * @throws {LoadError} If a handler is missing, because such a tool could not serve requests.
 */
export function prepareTools(definition: Definition): Tools {
  const tools: Record<string, Tool> = create(null);
  if (definition[DEFINITION] === "define") {
    tools[DEFAULT_TOOL] = prepareTool(DEFAULT_TOOL, definition as AnyFunctionDefinition);
    return tools;
  }
  const entries = (definition as { tools?: unknown }).tools;
  if (typeof entries !== "object" || entries === null) {
    throw new LoadError("INVALID_DEFINITION", "app() needs `tools`: an object of define({ ... }) by key.");
  }
  for (const key of Object.keys(entries)) {
    tools[key] = prepareTool(key, (entries as Record<string, AnyFunctionDefinition>)[key]);
  }
  return tools;
}

function prepareTool(key: string, definition: AnyFunctionDefinition | undefined): Tool {
  if (definition?.[DEFINITION] !== "define") {
    throw new LoadError(
      "INVALID_DEFINITION",
      `The tool "${key}" of app() must be made with define({ ... }).`,
    );
  }
  const { handler, input, output } = definition;
  if (typeof handler !== "function") {
    const where = key === DEFAULT_TOOL ? "define()" : `The tool "${key}"`;
    throw new LoadError(
      "INVALID_DEFINITION",
      `${where} needs a \`handler\` function, and has ${typeof handler}.`,
    );
  }
  let position: string | null | undefined;
  return {
    key,
    definedAt: () => position === undefined ? position = positionOf(handler) : position,
    handler: handler as Tool["handler"],
    mayUseRequest: mayUseThirdArgument(handler),
    validateInput: input === undefined || input === null ? null : compileValidator(input),
    validateOutput: output === undefined || output === null ? null : compileValidator(output),
  };
}

/**
 * Whether a function may access a third argument. `length` alone is not enough: rest parameters, default values,
 * `arguments`, and bound or proxied functions do not count in it. A false positive costs a small object per request.
 */
function mayUseThirdArgument(handler: { length: number }): boolean {
  if (handler.length >= 3) return true;
  return matches(HIDES_ARGUMENTS, functionToString(handler as unknown as () => unknown));
}

const HIDES_ARGUMENTS = /\barguments\b|\beval\b|\.\.\.|\[native code\]|^[^{]*?\([^)]*=/;
