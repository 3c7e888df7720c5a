/**
 * Imports the function's bundle and reads its default export.
 *
 * @module
 */
import type { AppDefinition } from "../definition/app.ts";
import { DEFINITION } from "../definition/brand.ts";
import type { AnyFunctionDefinition } from "../definition/define.ts";
import { servesFor } from "./handlers/captured.ts";
import { Ambiguous, findHandler } from "./handlers/find.ts";
import type { WebHandler } from "./handlers/handler.ts";
import type { LoadFailure } from "./load_message.ts";
import { maskText } from "./log_mask.ts";
import {
  createObjectURL,
  isError,
  NativeBlob,
  nativeImport,
  NativePromise,
  revokeObjectURL,
  slice,
} from "./primordials.ts";
import { explainRefusals } from "./refusal.ts";
import { readableStack } from "./stack.ts";
import { missingSecrets } from "./missing_secrets.ts";

/** The result of `define()` or `app()`. */
export type Definition = AnyFunctionDefinition | AppDefinition;

/** The content of a module: a definition, or a handler of web requests. */
export type Loaded =
  | { readonly definition: Definition; readonly handler: null }
  | { readonly definition: null; readonly handler: WebHandler };

/** Maximum milliseconds that the import of a module may continue after the module has started a server. */
const WAITS_FOR_ITS_SERVER_MS = 1_000;

/** The error of a function that cannot be loaded. Its message is for the author of the function. */
export class LoadError extends Error {
  readonly code: LoadFailure["code"];
  constructor(code: LoadFailure["code"], message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Imports a module of the platform from its source text. Uses a blob URL, which needs no read permission. */
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
 * @throws {LoadError} If the bundle cannot be imported or has no handler.
 */
export async function importFunction(url: string, words: readonly string[]): Promise<Loaded> {
  let module: Record<string, unknown>;
  try {
    module = await importOrServe(url);
  } catch (error) {
    const message = messageOf(error);
    const missing = missingSecrets(message, null);
    throw new LoadError(
      "IMPORT_FAILED",
      `The module cannot be imported: ${message}${missing === null ? "" : `\n${missing}`}`,
      error,
    );
  }
  return await readModule(module, words);
}

/**
 * Imports a module. The import of a module that waits for the end of its server (`await app.listen()`) never completes.
 * Such a module counts as imported {@link WAITS_FOR_ITS_SERVER_MS} after it has started the server.
 */
async function importOrServe(url: string): Promise<Record<string, unknown>> {
  const imported = nativeImport(url);
  const served = servesFor(WAITS_FOR_ITS_SERVER_MS);
  return await new NativePromise((resolve, reject) => {
    imported.then(resolve, reject);
    served.then(() => resolve({}));
  });
}

const LISTENS_TOO_LATE =
  " The code calls `listen` or `serve`, but not in the first 2 seconds. There is no network while" +
  " a deploy imports the module: start the server first, and connect to databases afterwards.";

/** Finds the definition or handler of a module, in its exports and in the servers that it has started. */
export async function readModule(
  module: Record<string, unknown>,
  words: readonly string[],
): Promise<Loaded> {
  const { default: exported } = module;
  const kind = (exported as { [DEFINITION]?: unknown } | null | undefined)?.[DEFINITION];
  if (kind === "define" || kind === "app") return { definition: exported as Definition, handler: null };
  const starts = words.includes("listen(") || words.includes("serve(");
  const handler = await find(module, starts);
  if (handler !== null) return { definition: null, handler };
  if (exported === undefined) {
    throw new LoadError(
      "NO_DEFAULT_EXPORT",
      "The module has no default export, and starts no server. Write `export default define({ ... })`," +
        ` \`export default { fetch }\` or \`Deno.serve(handler)\` in the entrypoint.${
          exportedNames(module)
        }` +
        (starts ? LISTENS_TOO_LATE : ""),
    );
  }
  throw new LoadError(
    "INVALID_DEFINITION",
    `The default export is ${
      describe(exported)
    } without a function \`fetch\`, and the module starts no server.` +
      " Write `export default define({ description, handler })`, or `export default { fetch }`.",
  );
}

async function find(module: Record<string, unknown>, mayListen: boolean): Promise<WebHandler | null> {
  try {
    return await findHandler(module, mayListen);
  } catch (error) {
    if (error instanceof Ambiguous) throw new LoadError("INVALID_DEFINITION", error.message);
    throw new LoadError("IMPORT_FAILED", `The module's server does not start: ${messageOf(error)}`, error);
  }
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

/** Maximum length of an error message for the engine, in characters. */
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
