/**
 * Adds the reason to the error of a failed `fetch`. The runtime's error only says "fetch failed", and its cause is a
 * message of the network library.
 *
 * @module
 */
import { defineProperty, exec, includes, isError, matches } from "./primordials.ts";

/** Adds the reason to the error's message and returns the error. */
export function explained(error: unknown): unknown {
  try {
    const reason = reasonOf(error);
    if (reason === null) return error;
    defineProperty(error as object, "message", {
      value: `${(error as Error).message}: ${reason}`,
      writable: true,
      enumerable: false,
      configurable: true,
    });
    // The stack still contains the old message.
    const { name, message, stack } = error as Error;
    const frames = typeof stack === "string" ? exec(FRAMES, stack) : null;
    defineProperty(error as object, "stack", {
      value: `${name}: ${message}${frames === null ? "" : frames[0]}`,
      writable: true,
      enumerable: false,
      configurable: true,
    });
  } catch {
    // A frozen error cannot be changed.
  }
  return error;
}

const FRAMES = /\n {4}at [\s\S]*$/;

function reasonOf(error: unknown): string | null {
  if (!isError(error)) return null;
  const cause = (error as { cause?: unknown }).cause;
  if (!isError(cause) || !matches(/^fetch failed$/, error.message)) return null;
  const text = cause.message;
  const host = exec(HOST, text)?.[1] ?? "the server";
  if (includes(text, "UnknownIssuer")) {
    return `the certificate of ${host} is signed by an authority that is not known here; ` +
      "the server's operator can add it (egress.ca)";
  }
  const certificate = exec(/invalid peer certificate: (.*)/, text);
  if (certificate !== null) return `the certificate of ${host} is not valid: ${certificate[1]}`;
  if (matches(/dns error|failed to lookup address|Name or service not known/i, text)) {
    return `the name ${host} does not resolve (DNS)`;
  }
  if (matches(/Connection refused/i, text)) return `${host} refuses the connection`;
  // Deno cannot refuse private networks of IPv6. The firewall does.
  if (matches(/Permission denied/i, text)) {
    return `the server's firewall refuses the address of ${host}; an administrator can open it: jelou egress allow`;
  }
  const denied = exec(/`[^`]*` is refused: .*/, text);
  if (denied !== null) return denied[0];
  if (matches(/timed out/i, text)) return `${host} did not answer in time`;
  return null;
}

const HOST = /\(\w+:\/\/(?:[^/@)]*@)?(\[[^\]]*\]|[^/:?#)]+)/;
