/**
 * The syntax of `config.path`.
 *
 * @module
 */
import type { Problem } from "./report.ts";

/** Routes that the platform itself answers. */
export const RESERVED_ROUTES: readonly string[] = ["/mcp", "/__health", "/__token", "/openapi.json"];

/** A literal segment: the characters that RFC 3986 allows, or percent-encoded bytes. */
const LITERAL = /^(?:[A-Za-z0-9._~!$&'()+,;=@-]|%[0-9A-Fa-f]{2})+$/;
/** Segments that a URL parser resolves as the current or the parent folder. */
const DOTS = /^(?:\.|%2e){1,2}$/i;
const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** Checks a route and returns it. Reports errors to `problem`. */
export function checkPath(path: unknown, problem: Problem): string {
  const text = typeof path === "string" ? path : String(path);
  const fault = typeof path === "string" ? findFault(text) : `is ${text}, not a string`;
  if (fault !== null) {
    problem(`\`config.path\` ${fault}. A path is "*" or like "/orders/:id" or "/files/*"`);
  }
  return text;
}

function findFault(path: string): string | null {
  if (path === "*" || path === "/") return null;
  if (!path.startsWith("/")) return `"${path}" must start with "/"`;
  if (path.endsWith("/")) return `"${path}" must not end with "/"`;
  const names = new Set<string>();
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "*") {
      if (index < segments.length - 1) return `"${path}" has "*" before its last segment`;
    } else if (segment.startsWith(":")) {
      if (!PARAMETER.test(segment)) return `"${path}" has a parameter with a bad name: "${segment}"`;
      if (names.has(segment)) return `"${path}" has the parameter "${segment}" twice`;
      names.add(segment);
    } else if (DOTS.test(segment) || !LITERAL.test(segment)) {
      return `"${path}" has a segment that is not allowed: "${segment}"`;
    }
  }
  // The platform answers these routes in any case and percent-encoding.
  if (RESERVED_ROUTES.includes(decode(path).toLowerCase())) {
    return `"${path}" is reserved: the platform answers it`;
  }
  return null;
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/**
 * Reduces a route to its shape. Two routes with the same shape match the same requests, because the names of their
 * parameters do not matter.
 */
export function routeShape(path: string): string {
  return path === "*" ? "/*" : path.replace(/:[^/]+/g, ":");
}
