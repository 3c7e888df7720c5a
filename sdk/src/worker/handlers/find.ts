/**
 * Finds the handler of a module by what the module does: it exports a handler, or starts a server.
 *
 * @module
 */
import { captured, capturedSoon } from "./captured.ts";
import { type AnyFunction, isFunction, METHODS, type WebHandler } from "./handler.ts";

/** The exports of a module. */
export type Exports = Record<string, unknown>;

/** A module whose handler is ambiguous. */
export class Ambiguous extends Error {}

/**
 * Finds the web handler of a module.
 *
 * @param mayListen Whether the module's code mentions a server, so that it may start one after its import.
 * @throws {Ambiguous} If the module exports two handlers.
 */
export async function findHandler(module: Exports, mayListen: boolean): Promise<WebHandler | null> {
  const exported = module.default;
  if (hasMethod(exported, "fetch")) return fetchHandler(exported);
  if (captured() === null && hasMethod(exported, "listen")) {
    // An app of Express, Koa or Fastify, or a server of Node, that somebody else was to start.
    await exported.listen({ port: 0 });
  }
  const server = captured();
  if (server !== null) return server;
  const methods = METHODS.filter((method) => isFunction(module[method]));
  if (isFunction(exported)) {
    if (methods.length > 0) {
      throw new Ambiguous(
        `The module exports a default function and ${methods.join(", ")}; keep one of both.`,
      );
    }
    return functionHandler(exported);
  }
  if (methods.length > 0) return methodHandler(module, methods);
  return mayListen ? await capturedSoon() : null;
}

function hasMethod<N extends string>(value: unknown, name: N): value is Record<N, AnyFunction> & object {
  return (typeof value === "object" && value !== null || isFunction(value)) &&
    isFunction((value as Record<string, unknown>)[name]);
}

/** `export default { fetch }` of Workers, and the apps of Hono, Elysia, itty-router and others. */
function fetchHandler(app: { fetch: AnyFunction }): WebHandler {
  const { scheduled } = app as { scheduled?: unknown };
  return {
    source: "export default { fetch }",
    methods: METHODS,
    app,
    answer: ({ request, env, context }) => app.fetch(request, env, context),
    // Only an own property counts: a router's proxy has a function of every name.
    ...isFunction(scheduled) && Object.hasOwn(app, "scheduled")
      ? {
        scheduled: ({ env, context }) => scheduled.call(app, scheduledEvent(context.trigger), env, context),
      }
      : {},
  };
}

function scheduledEvent(trigger: unknown): object {
  const { cron = "", scheduledTime = Date.now() } = trigger as { cron?: string; scheduledTime?: number };
  return { type: "scheduled", cron, scheduledTime, noRetry() {} };
}

/** `export default (request) => response`. */
function functionHandler(handler: AnyFunction): WebHandler {
  return {
    source: "export default function",
    methods: METHODS,
    app: handler,
    answer: ({ request, context }) => handler(request, context),
  };
}

/** `export function GET(request)` and its like. */
function methodHandler(module: Exports, methods: readonly string[]): WebHandler {
  return {
    source: `export function ${methods.join(", ")}`,
    methods,
    app: null,
    answer: ({ request, context }) => {
      const method = context.method === "HEAD" && !methods.includes("HEAD") ? "GET" : context.method;
      return (module[method] as AnyFunction)(request, context);
    },
  };
}
