/**
 * `console`: writes log lines with a level and the request's id.
 *
 * @module
 */
import { type Level, log } from "./log.ts";
import { NativeError, slice } from "./primordials.ts";
import { readableStack } from "./stack.ts";

/** The methods that only write their arguments, and their log level. */
const LEVELS: Record<string, Level> = {
  log: "INFO",
  info: "INFO",
  dir: "INFO",
  dirxml: "INFO",
  table: "INFO",
  group: "INFO",
  groupCollapsed: "INFO",
  warn: "WARN",
  error: "ERROR",
  debug: "DEBUG",
};

/** Replaces the console's methods with methods that write to the log. */
export function captureConsole(): void {
  for (const [name, level] of Object.entries(LEVELS)) {
    const single = name === "dir" || name === "table";
    replace(name, (...args) => log(level, single ? [args[0]] : args));
  }
  replace("groupEnd", () => {});
  replace("clear", () => {});
  replace("trace", (...args) => log("DEBUG", [...args, trace()]));
  replace("assert", (condition, ...args) => {
    if (!condition) log("ERROR", args.length > 0 ? ["Assertion failed", ...args] : ["Assertion failed"]);
  });
  replaceCounters();
  replaceTimers();
}

function replace(name: string, method: (...args: unknown[]) => void): void {
  Object.defineProperty(console, name, {
    value: method,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}

/** Returns the stack of a `console.trace` call, without the frames of this file. */
function trace(): string {
  return "Trace" + slice(readableStack(new NativeError("")), "Error".length);
}

function replaceCounters(): void {
  const counts = new Map<string, number>();
  replace("count", (label = "default") => {
    const count = (counts.get(String(label)) ?? 0) + 1;
    counts.set(String(label), count);
    log("INFO", [`${label}: ${count}`]);
  });
  replace("countReset", (label = "default") => counts.delete(String(label)));
}

function replaceTimers(): void {
  const started = new Map<string, number>();
  const now = performance.now.bind(performance);
  const elapsed = (label: unknown, rest: unknown[]) => {
    const start = started.get(String(label));
    if (start === undefined) log("WARN", [`Timer "${label}" does not exist`]);
    else log("INFO", [`${label}: ${(now() - start).toFixed(3)}ms`, ...rest]);
  };
  replace("time", (label = "default") => started.set(String(label), now()));
  replace("timeLog", (label = "default", ...rest) => elapsed(label, rest));
  replace("timeEnd", (label = "default") => {
    elapsed(label, []);
    started.delete(String(label));
  });
}
