/**
 * The manifest: the data about a function that the gateway needs without running the function.
 *
 * The server reads exactly these fields, in camelCase.
 *
 * @module
 */
import type { HttpMethod, ToolAnnotations } from "../definition/config.ts";

/** The manifest of a function. */
export interface Manifest {
  readonly mode: "define" | "app" | "handler";
  readonly name: string | null;
  readonly description: string;
  readonly tools: readonly ToolManifest[];
  /** Whether the secrets are also in the environment of the process. */
  readonly env: boolean;
  /** Number of processes that stay loaded even without calls. */
  readonly keepWarm: number;
  /** The records of the log that are kept. */
  readonly logs: LogsManifest;
  /** The routes inside a web handler, as far as the inspection can find them. */
  readonly routes: readonly RouteManifest[];
}

/** The records of the log that are kept, with defaults filled in. */
export interface LogsManifest {
  readonly level: "DEBUG" | "INFO" | "WARN" | "ERROR";
  readonly sample: number;
}

/** A route of the app inside a web handler. */
export interface RouteManifest {
  readonly method: string;
  /** May contain `:param` segments. */
  readonly path: string;
}

/** The manifest of one tool. */
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

/** Cross-origin rules, with defaults filled in. An empty `origin` allows no origin. */
export interface CorsManifest {
  readonly origin: readonly string[];
  readonly methods: readonly string[] | null;
  readonly headers: readonly string[] | null;
  readonly credentials: boolean;
  readonly maxAge: number;
}

/** A schedule, with defaults filled in. */
export interface CronManifest {
  readonly expression: string;
  readonly timezone: string;
  readonly name: string | null;
  readonly botId: string | null;
  readonly catchUp: "none" | "last";
  readonly overlap: "skip" | "queue" | "allow";
  readonly retry: { readonly max: number; readonly backoffMs: number } | null;
  readonly spreadMs: number | null;
  readonly timeoutMs: number | null;
}

/** A JSON Schema, draft 2020-12. */
export type JsonSchema = Record<string, unknown>;
