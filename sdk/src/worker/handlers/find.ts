/**
 * Finds the handler of a module: the module exports a handler or starts a server.
 *
 * @module
 */
import { captured, capturedSoon } from "./captured.ts";
import { type AnyFunction, isFunction, METHODS, type WebHandler } from "./handler.ts";

/** The exports of a module. */
export type Exports = Record<string, unknown>;

/** The error for a module whose handler is ambiguous. */
export class Ambiguous extends Error {}

/**
 * Finds the web handler of a module.
 *
 * @param mayListen Whether the module's code mentions a server. Such a module may start a server after its import.
 * @throws {Ambiguous} If the module exports two handlers.
 */
export async function findHandler(module: Exports, mayListen: boolean): Promise<WebHandler | null> {
  const exported = module.default;
  if (hasMethod(exported, "fetch")) return fetchHandler(exported);
  if (captured() === null && hasMethod(exported, "listen")) {
    // An Express, Koa or Fastify app, or a Node server, that the module exports without starting it.
    await exported.listen({ port: 0 });
  }
  const server = captured();
  if (server !== null) return server;
  const methods = METHODS.filter((method) => isFunction(module[method]));
  if (isFunction(exported)) {
    if (methods.length > 0) {
      throw new Ambiguous(
        `The module exports a default function and ${methods.join(", ")}; keep one of them.`,
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

/** Handles `export default { fetch }` of Cloudflare Workers, and the apps of Hono, Elysia, itty-router and others. */
function fetchHandler(app: { fetch: AnyFunction }): WebHandler {
  const { scheduled } = app as { scheduled?: unknown };
  return {
    source: "export default { fetch }",
    methods: METHODS,
    app,
    answer: ({ request, env, context }) => app.fetch(request, env, context),
    // Only an own property counts, because the proxy of a router has a function for every name.
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

/** Handles `export default (request) => response`. */
function functionHandler(handler: AnyFunction): WebHandler {
  return {
    source: "export default function",
    methods: METHODS,
    app: handler,
    answer: ({ request, context }) => handler(request, context),
  };
}

/** Handles `export function GET(request)` and the other methods. */
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
