/**
 * How the platform routes, guards and schedules a function: the `config` of `define()` and `app()`.
 *
 * @module
 */
/** An HTTP method that a route can answer. */
export type HttpMethod = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS";
/** Which web pages may call the function. The platform answers preflight requests by itself. */
export interface CorsConfig {
    /** Allowed origins, e.g. `"https://app.example.com"`; of WebSockets too. Default `"*"`: every origin. */
    origin?: string | readonly string[];
    /** Allowed methods. Default: the methods of the route. */
    methods?: readonly HttpMethod[];
    /** Allowed request headers. Default: those that the page asks for. */
    headers?: readonly string[];
    /** Whether the browser may send cookies. Needs named origins. Default `false`. */
    credentials?: boolean;
    /** Seconds for which the browser may keep the preflight answer. Default 86,400. */
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
    /** The bot that `ctx.bot` names in this schedule's runs. */
    botId?: string;
    /**
     * What happens to runs that were missed, e.g. while the server was down: `"last"` makes up for the last one.
     * Default `"none"`.
     */
    catchUp?: "none" | "last";
    /**
     * What happens to a run that is due while an earlier one still runs: it is skipped, it waits (one can), or it
     * runs too. Default `"skip"`.
     */
    overlap?: "skip" | "queue" | "allow";
    /** Further attempts after a run that failed. Default: none. */
    retry?: CronRetry;
    /**
     * Milliseconds, at most 3,600,000. Each schedule starts by a part of them later, always the same, so that
     * schedules of the same minute do not start at once. Default 0.
     */
    spread?: number;
    /**
     * Milliseconds that a run may take, at most `cron.max_timeout_ms` of the server (900,000). Default: the
     * `timeout` of the function.
     */
    timeout?: number;
}
/** Further attempts after a run that failed. They keep its due time. */
export interface CronRetry {
    /** How many, 1 to 5. */
    max: number;
    /** Milliseconds before the second attempt, at most 3,600,000; they double each time. Default 10,000. */
    backoff?: number;
}
/** The level of a log line, in ascending order. */
export type LogLevel = "debug" | "info" | "warn" | "error";
/** Which records of the function's log are kept. Errors always are. */
export interface LogsConfig {
    /** The lowest level of the lines that are kept. Default `"debug"`: all. */
    level?: LogLevel;
    /**
     * The part of the requests whose records are kept, from 0 to 1. A request is kept or dropped with all of its lines; one
     * that fails or writes an error is kept. Default 1: all.
     */
    sample?: number;
}
/** Settings of one function or tool. In `app()`, a tool's own settings go over the app's. */
export interface FunctionConfig {
    /**
     * The route, e.g. `"/orders/:id"`. A segment that starts with `:` is a parameter; a last segment `*` takes
     * the rest of the path. Default `"*"` (every path); for a tool of `app()`, its key in kebab-case.
     */
    path?: string;
    /** Accepted methods. Default GET, POST, PUT, PATCH and DELETE; HEAD is taken where GET is. */
    methods?: readonly HttpMethod[];
    /**
     * Milliseconds until the response must have begun, at least 1; then the caller gets 504. At most
     * `limits.max_request_timeout_ms` of the server (120,000); default `limits.request_timeout_ms` (30,000).
     */
    timeout?: number;
    /** Whether the function is a tool at `/mcp`. Default `true`. */
    mcp?: boolean;
    /** Whether the route may be called without a runtime token. Default `false`. */
    public?: boolean;
    /** Cross-origin rules; `false` leaves them to the tool, which lists `OPTIONS` then. Default: every origin. */
    cors?: CorsConfig | false;
    /** Schedules, at most 10 in the whole function. */
    cron?: readonly CronConfig[];
    /**
     * Processes that stay loaded although nobody calls, so that no call waits for a start. The server allows up to
     * `limits.max_keep_warm`. Of the whole function: in `app()`, it belongs to the app's `config`. Default 0.
     */
    keepWarm?: number;
    /** Which records of the function's log are kept. Belongs to the whole function: in `app()`, not in a tool. */
    logs?: LogsConfig;
}
/** Hints for MCP clients about what a tool does. */
export interface ToolAnnotations {
    /** A title for humans. */
    title?: string;
    /** The tool changes nothing. */
    readOnlyHint?: boolean;
    /** The tool may delete or overwrite. */
    destructiveHint?: boolean;
    /** Calling it again with the same input changes nothing more. */
    idempotentHint?: boolean;
    /** The tool reaches systems outside the platform. */
    openWorldHint?: boolean;
}
