/**
 * The manifest: everything that the gateway must know of a function without running it.
 *
 * The server reads exactly these fields, in camelCase.
 *
 * @module
 */
import type { HttpMethod, ToolAnnotations } from "../definition/config.ts";

/** A function, as the gateway sees it. */
export interface Manifest {
  readonly mode: "define" | "app";
  readonly name: string | null;
  readonly description: string;
  readonly tools: readonly ToolManifest[];
}

/** One tool, as the gateway sees it. */
export interface ToolManifest {
  readonly key: string;
  readonly name: string;
  readonly description: string;
  readonly path: string;
  readonly methods: readonly HttpMethod[];
  readonly timeoutMs: number | null;
  readonly mcp: boolean;
  readonly public: boolean;
  readonly cors: CorsManifest | null;
  readonly cron: readonly CronManifest[];
  readonly inputSchema: JsonSchema | null;
  readonly outputSchema: JsonSchema | null;
  readonly annotations: ToolAnnotations | null;
}

/** Cross-origin rules with their defaults; an empty `origin` allows none. */
export interface CorsManifest {
  readonly origin: readonly string[];
  readonly methods: readonly string[] | null;
  readonly headers: readonly string[] | null;
  readonly credentials: boolean;
  readonly maxAge: number;
}

/** A schedule with its defaults. */
export interface CronManifest {
  readonly expression: string;
  readonly timezone: string;
  readonly name: string | null;
  readonly botId: string | null;
}

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Record<string, unknown>;
