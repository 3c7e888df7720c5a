/**
 * `app()`: one function with several tools, each with its own route.
 *
 * @module
 */
import { DEFINITION } from "./brand.ts";
import type { FunctionConfig } from "./config.ts";
import type { AnyFunctionDefinition } from "./define.ts";

/** The options of `app()`. */
export interface AppOptions {
  /** The title of the OpenAPI document. Default: the function's slug. */
  name?: string;
  /** A description of all tools together, for the OpenAPI document and MCP clients. */
  description?: string;
  /** Settings for all tools. A tool's own settings override them. */
  config?: FunctionConfig;
  /** The tools by key. The key `sendEmail` is served at `/send-email`. */
  tools: Record<string, AnyFunctionDefinition>;
}

/** The result of `app()`: a function with several tools. Make it the default export of the module. */
export interface AppDefinition extends Readonly<AppOptions> {
  /**
   * The brand by which the platform recognizes the object.
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
