/**
 * Reads `config.cors` and fills in the defaults.
 *
 * @module
 */
import { checkKeys } from "./keys.ts";
import type { CorsManifest } from "./manifest.ts";
import type { Report } from "./report.ts";

const CORS_KEYS = ["origin", "methods", "headers", "credentials", "maxAge"];
const DEFAULT_MAX_AGE_SECONDS = 86_400;

/** Reads `config.cors`. For `false`, returns an empty list of origins. */
export function readCors(cors: unknown, label: string, report: Report): CorsManifest {
  const problem = (text: string) => void report.problems.push(`${label}: \`config.cors${text}`);
  if (cors === false) return { origin: [], methods: null, headers: null, credentials: false, maxAge: 0 };
  if (cors !== undefined && cors !== true && (typeof cors !== "object" || cors === null)) {
    problem("` must be an object, true or false");
  }
  const given = (typeof cors === "object" && cors !== null ? cors : {}) as Record<string, unknown>;
  checkKeys(given, CORS_KEYS, (text) => problem(`\` ${text}`));
  const origin = readOrigins(given.origin, problem);
  const credentials = given.credentials === true;
  if (given.credentials !== undefined && typeof given.credentials !== "boolean") {
    problem(".credentials` must be true or false");
  }
  if (credentials && origin.includes("*")) {
    report.warnings.push(
      `${label}: browsers ignore \`config.cors.credentials\` with the origin "*"; name the origins`,
    );
  }
  return {
    origin,
    methods: readNames(given.methods, ".methods", problem)?.map((method) => method.toUpperCase()) ?? null,
    headers: readNames(given.headers, ".headers", problem),
    credentials,
    maxAge: readMaxAge(given.maxAge, problem),
  };
}

function readOrigins(origin: unknown, problem: (text: string) => void): string[] {
  if (origin === undefined || origin === null) return ["*"];
  const list = typeof origin === "string" ? [origin] : origin;
  if (!Array.isArray(list)) {
    problem(".origin` must be a string or a list of strings");
    return ["*"];
  }
  return list.map((item) => {
    if (item === "*") return item;
    const parsed = typeof item === "string" ? originOf(item) : null;
    if (parsed === null) {
      problem(`.origin\` has ${JSON.stringify(item)}; an origin is "*" or like "https://app.example.com"`);
    }
    return parsed ?? String(item);
  });
}

/**
 * Returns the normalized origin: `https://App.example.com/` gives `https://app.example.com`. Returns `null` for a URL
 * with a path.
 */
function originOf(text: string): string | null {
  if (text === "null") return text;
  try {
    const url = new URL(text);
    const bare = url.pathname === "/" && url.search === "" && url.hash === "";
    return bare && url.host !== "" ? `${url.protocol}//${url.host}` : null;
  } catch {
    return null;
  }
}

function readNames(names: unknown, field: string, problem: (text: string) => void): string[] | null {
  if (names === undefined || names === null) return null;
  if (
    Array.isArray(names) &&
    names.every((name) => typeof name === "string" && /^[\w*!#$%&'+.^`|~-]+$/.test(name))
  ) {
    return [...names];
  }
  problem(`${field}\` must be a list of names`);
  return null;
}

function readMaxAge(maxAge: unknown, problem: (text: string) => void): number {
  if (maxAge === undefined) return DEFAULT_MAX_AGE_SECONDS;
  if (Number.isInteger(maxAge) && (maxAge as number) >= 0) return maxAge as number;
  problem(".maxAge` must be a whole number of seconds");
  return DEFAULT_MAX_AGE_SECONDS;
}
