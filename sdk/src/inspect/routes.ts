/**
 * The routes of a web framework's app, for OpenAPI.
 *
 * @module
 */
import type { RouteManifest } from "./manifest.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/** Maximum number of routes, so that the OpenAPI document stays readable. */
const MAX_ROUTES = 500;

/**
 * Returns the routes that an app lists in its property `routes`: objects `{ method, path }` (Hono, Elysia), or tuples
 * with the method first and the path last (itty-router). Returns none for other apps.
 */
export function routesOf(app: object | null): readonly RouteManifest[] {
  const found = new Map<string, RouteManifest>();
  for (const { method, path } of listed(app)) {
    // Frameworks list middleware among the routes, for example with the path `*`. It is left out.
    const route = { method, path: plain(path) };
    if (!METHODS.includes(method) || /[*(?+]/.test(route.path) || found.size >= MAX_ROUTES) continue;
    found.set(`${method} ${route.path}`, route);
  }
  return [...found.values()];
}

function listed(app: object | null): { method: string; path: string }[] {
  const routes = (app as { routes?: unknown } | null)?.routes;
  if (!Array.isArray(routes)) return [];
  return routes.flatMap((route: unknown) => {
    const [method, path] = Array.isArray(route)
      ? [route[0], route[route.length - 1]]
      : [(route as { method?: unknown } | null)?.method, (route as { path?: unknown } | null)?.path];
    return typeof method === "string" && typeof path === "string"
      ? [{ method: method.toUpperCase(), path }]
      : [];
  });
}

/** Removes patterns of parameters and trailing slashes: `/users/:id{[0-9]+}/` becomes `/users/:id`. */
function plain(path: string): string {
  const text = path.replace(/\{[^}]*\}/g, "").replace(/\/+/g, "/").replace(/(.)\/$/, "$1");
  return text.startsWith("/") ? text : `/${text}`;
}
