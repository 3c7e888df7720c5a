/**
 * Imports the function's bundle and reads its default export.
 *
 * @module
 */
import type { AppDefinition } from "../definition/app.ts";
import { DEFINITION } from "../definition/brand.ts";
import type { AnyFunctionDefinition } from "../definition/define.ts";
import type { LoadFailure } from "./load_message.ts";
import { maskText } from "./log_mask.ts";
import { createObjectURL, isError, NativeBlob, nativeImport, revokeObjectURL, slice } from "./primordials.ts";
import { explainRefusals } from "./refusal.ts";
import { readableStack } from "./stack.ts";
import { missingSecrets } from "./unset.ts";

/** The types of a module's default export. */
export type Definition = AnyFunctionDefinition | AppDefinition;

/** The error of a function that cannot be loaded, with a message for its author. */
export class LoadError extends Error {
  readonly code: LoadFailure["code"];
  constructor(code: LoadFailure["code"], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Imports a module of the platform from its text. A blob URL needs no read permission. */
export async function importSource(source: string): Promise<Record<string, unknown>> {
  const url = createObjectURL(new NativeBlob([source], { type: "text/javascript" }));
  try {
    return await nativeImport(url);
  } finally {
    revokeObjectURL(url);
  }
}

/**
 * Imports the bundle. Inside it, `@jelou/functions` resolves to the copy that this process has loaded.
 *
 * @throws {LoadError} If the bundle cannot be imported or does not export a definition.
 */
export async function importDefinition(url: string): Promise<Definition> {
  let module: Record<string, unknown>;
  try {
    module = await nativeImport(url);
  } catch (error) {
    const message = messageOf(error);
    const missing = missingSecrets(message, null);
    throw new LoadError(
      "IMPORT_FAILED",
      `The module cannot be imported: ${message}${missing === null ? "" : `\n${missing}`}`,
      error,
    );
  }
  return asDefinition(module);
}

/** Checks a module's default export. */
export function asDefinition(module: Record<string, unknown>): Definition {
  const { default: definition } = module;
  if (definition === undefined) {
    throw new LoadError(
      "NO_DEFAULT_EXPORT",
      "The module has no default export. Write `export default define({ ... })` or `export default app({ ... })`" +
        ` in the entrypoint.${exportedNames(module)}`,
    );
  }
  const kind = (definition as { [DEFINITION]?: unknown } | null)?.[DEFINITION];
  if (kind === "define" || kind === "app") return definition as Definition;
  throw new LoadError(
    "INVALID_DEFINITION",
    `The default export is ${describe(definition)}, not a function of this platform.` +
      " Wrap it: `export default define({ description, handler })`.",
  );
}

function exportedNames(module: Record<string, unknown>): string {
  const names = Object.keys(module);
  return names.length === 0 ? "" : ` It exports only: ${names.join(", ")}.`;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "object") return Array.isArray(value) ? "an array" : "a plain object";
  return typeof value === "function" ? "a JavaScript function" : `a ${typeof value}`;
}

/** The longest error message that is sent to the engine, in characters. */
const MAX_MESSAGE = 4_000;

function messageOf(error: unknown): string {
  const message = isError(error) ? String(error.message) : String(error);
  return readable(message.length > MAX_MESSAGE ? slice(message, 0, MAX_MESSAGE) + "…" : message);
}

function readable(text: string): string {
  return maskText(explainRefusals(text));
}

/** Describes a failure for the engine. */
export function describeFailure(error: unknown): LoadFailure {
  if (error instanceof LoadError) {
    const { cause } = error;
    return {
      code: error.code,
      message: error.message,
      stack: cause === undefined ? null : readable(readableStack(cause)),
    };
  }
  return { code: "IMPORT_FAILED", message: messageOf(error), stack: readable(readableStack(error)) };
}
