/**
 * How the platform routes, guards and schedules a function: the `config` of `define()` and `app()`.
 *
 * @module
 */

/** An HTTP method that a route can answer. */
export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";

/** The web pages that may call the function. The platform itself answers preflight requests. */
export interface CorsConfig {
  /** Allowed origins, e.g. `"https://app.example.com"`, also for WebSockets. Default `"*"`: every origin. */
  origin?: string | readonly string[];
  /** Allowed methods. Default: the methods of the route. */
  methods?: readonly HttpMethod[];
  /** Allowed request headers. Default: the headers that the preflight request names. */
  headers?: readonly string[];
  /** Whether the browser may send cookies. Requires named origins. Default `false`. */
  credentials?: boolean;
  /** Seconds for which the browser may cache the preflight response. Default 86,400. */
  maxAge?: number;
}

/** A schedule on which the platform runs the function. */
export interface CronConfig {
  /** A five-field cron expression, e.g. `"0 9 * * *"`. */
  expression: string;
  /** An IANA time zone, e.g. `"America/Guayaquil"`. Default `"UTC"`. */
  timezone?: string;
  /** A name for logs and for `jelou cron run`; unique within the function. */
  name?: string;
  /** The id of the bot in `ctx.bot` during this schedule's runs. */
  botId?: string;
  /**
   * What happens to missed runs, e.g. while the server was down: `"last"` starts the last missed run, `"none"` starts
   * none. Default `"none"`.
   */
  catchUp?: "none" | "last";
  /**
   * What happens to a run that is due while an earlier run is still in progress: `"skip"` drops it, `"queue"` starts it
   * after the earlier run (at most one waits), `"allow"` starts it now. Default `"skip"`.
   */
  overlap?: "skip" | "queue" | "allow";
  /** Further attempts after a failed run. Default: none. */
  retry?: CronRetry;
  /**
   * Maximum delay of each run in milliseconds, at most 3,600,000. Each schedule has a constant delay within it, so that
   * schedules of the same minute do not all start at once. Default 0.
   */
  spread?: number;
  /**
   * Maximum duration of a run in milliseconds, at most the server's `cron.max_timeout_ms` (900,000). Default: the
   * `timeout` of the function.
   */
  timeout?: number;
}

/** Further attempts after a failed run. All attempts of a run have the same due time. */
export interface CronRetry {
  /** The number of further attempts, 1 to 5. */
  max: number;
  /** Milliseconds before the second attempt, at most 3,600,000. The delay doubles with each attempt. Default 10,000. */
  backoff?: number;
}

/** The level of a log line, in ascending order. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The records of the function's log that are kept. Errors are always kept. */
export interface LogsConfig {
  /** The lowest level of lines that are kept. Default `"debug"`: all lines. */
  level?: LogLevel;
  /**
   * The fraction of requests whose records are kept, from 0 to 1. A request is kept or dropped with all of its lines. A
   * request that fails or logs an error is always kept. Default 1: all requests.
   */
  sample?: number;
}

/** Settings of one function or tool. In `app()`, a tool's own settings override the app's settings. */
export interface FunctionConfig {
  /**
   * The route, e.g. `"/orders/:id"`. A segment that starts with `:` is a parameter. A last segment `*` matches the rest
   * of the path. Default `"*"` (every path). For a tool of `app()`: its key in kebab-case.
   */
  path?: string;
  /** Accepted methods. Default GET, POST, PUT, PATCH and DELETE. A route with GET also accepts HEAD. */
  methods?: readonly HttpMethod[];
  /**
   * Maximum milliseconds until the response begins, at least 1. After that, the caller gets 504. Maximum: the server's
   * `limits.max_request_timeout_ms` (120,000). Default: `limits.request_timeout_ms` (30,000).
   */
  timeout?: number;
  /** Whether the function is listed as a tool at `/mcp`. Default `true`. */
  mcp?: boolean;
  /** Whether the route may be called without a runtime token. Default `false`. */
  public?: boolean;
  /**
   * Cross-origin rules. With `false`, the tool handles CORS itself and lists `OPTIONS` in `methods`. Default:
   * every origin.
   */
  cors?: CorsConfig | boolean;
  /** Schedules, at most 10 in the whole function. */
  cron?: readonly CronConfig[];
  /**
   * The number of processes that stay loaded even without calls, so that a call does not wait for a cold start. The
   * server's maximum is `limits.max_keep_warm`. It applies to the whole function: in `app()`, set it in the app's
   * `config`. Default 0.
   */
  keepWarm?: number;
  /**
   * The records of the function's log that are kept. They apply to the whole function: in `app()`, set them in the
   * app's `config`.
   */
  logs?: LogsConfig;
}

/** Hints for MCP clients about what a tool does. */
export interface ToolAnnotations {
  /** A title for humans. */
  title?: string;
  /** Whether the tool changes nothing. */
  readOnlyHint?: boolean;
  /** Whether the tool may delete or overwrite data. */
  destructiveHint?: boolean;
  /** Whether a repeated call with the same input changes nothing more. */
  idempotentHint?: boolean;
  /** Whether the tool reaches systems outside the platform. */
  openWorldHint?: boolean;
}
