/**
 * `app()`: one function with several tools, each on a route of its own.
 *
 * @module
 */
import { DEFINITION } from "./brand.ts";
import type { FunctionConfig } from "./config.ts";
import type { AnyFunctionDefinition } from "./define.ts";

/** What `app()` takes. */
export interface AppOptions {
  /** The title of the OpenAPI document. Default: the function's slug. */
  name?: string;
  /** What the tools have in common, for the OpenAPI document and MCP clients. */
  description?: string;
  /** Settings of every tool; a tool's own settings go over them. */
  config?: FunctionConfig;
  /** The tools by key. The key `sendEmail` is served at `/send-email`. */
  tools: Record<string, AnyFunctionDefinition>;
}

/** Several tools as `app()` returns them: the default export of a module. */
export interface AppDefinition extends Readonly<AppOptions> {
  /**
   * The mark of the platform.
   *
   * @ignore
   */
  readonly [DEFINITION]: "app";
}

/**
 * Groups several tools into one function.
 *
 * ```ts
 * import { app, define, z } from "@jelou/functions";
 *
 * export default app({
 *   tools: {
 *     sendEmail: define({
 *       description: "Sends an email",
 *       input: z.object({ email: z.email() }),
 *       handler: (input) => ({ sentTo: input.email }),
 *     }),
 *   },
 * });
 * ```
 *
 * @param options The tools and the settings that they share.
 * @returns The definition; make it the module's default export.
 */
export function app(options: AppOptions): AppDefinition {
  return Object.freeze({ ...options, [DEFINITION]: "app" as const });
}
