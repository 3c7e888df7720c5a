/**
 * Errors in calls of `ctx.jelou` that are found before a request is sent.
 *
 * @module
 */
import { JelouApiError } from "@jelou/functions";

/** Creates the error that every call throws when there are no credentials. */
export function jelouUnavailable(): JelouApiError {
  return new JelouApiError(
    "ctx.jelou is not available: the platform has no credentials for the Jelou API. Check ctx.jelou.available",
    0,
    "UNAVAILABLE",
  );
}

/**
 * Checks that a message has a recipient, and a type or a template.
 *
 * @throws {JelouApiError} With the code `INVALID_ARGUMENT`.
 */
export function checkedMessage<M extends object>(message: M, method: "send" | "sendTemplate"): M {
  for (const name of ["to", method === "send" ? "type" : "template"]) {
    const value = (message as Record<string, unknown> | null | undefined)?.[name];
    if (typeof value !== "string" || value === "") {
      throw new JelouApiError(
        `ctx.jelou.${method}() needs \`${name}\`: a non-empty string`,
        0,
        "INVALID_ARGUMENT",
      );
    }
  }
  return message;
}
