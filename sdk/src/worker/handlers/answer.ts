/**
 * Answers a request through a web handler.
 *
 * @module
 */
import type { Answer } from "../answers.ts";
import type { Context } from "../../context/context.ts";
import type { Incoming } from "../incoming.ts";
import { article, nameOfType } from "../json.ts";
import { outwardRequest } from "../outward_request.ts";
import { hasLoggedError, log } from "../log.ts";
import { hintAtMissingSecrets } from "../missing_secrets.ts";
import { NativeResponse, nativeSetTimeout, NativeTypeError, responseStatus } from "../primordials.ts";
import { isResponse, toOutcome } from "../result.ts";
import { isForeignResponse } from "../taken_over.ts";
import type { WebHandler } from "./handler.ts";

/** Answers a request. Throws the errors of the handler. */
export async function answerWeb(
  handler: WebHandler,
  env: Record<string, unknown>,
  context: Context,
  incoming: Incoming,
): Promise<Answer> {
  const request = outwardRequest(incoming, incoming.facts.url + incoming.target, null);
  const call = { request, env, context, incoming };
  if (handler.scheduled !== undefined && context.isCron) {
    await handler.scheduled(call);
    return { status: 204, headers: [], body: null };
  }
  const result = await handler.answer(call);
  if (typeof result === "object" && result !== null && (isResponse(result) || isForeignResponse(result))) {
    const { answer } = await toOutcome(result);
    const status = statusOf(answer);
    if (status === 500) warnOfSilence(context);
    // Many handlers catch their own errors.
    if (status >= 500) hintAtMissingSecrets(undefined);
    return answer;
  }
  throw new NativeTypeError(
    `The handler (${handler.source}) returned ${describe(result)}. A web handler returns a Response: ` +
      "new Response(text), Response.json(value)",
  );
}

/**
 * The warning for a 500 without a logged error. Some frameworks catch the errors of their handlers and do not log them.
 */
const SILENT = "The handler answered 500 and logged no error. If its framework has caught an error, " +
  "log it in the framework's error handler";

/** Milliseconds before the check, because frameworks may log after they have answered. */
const LOGGED_WITHIN_MS = 100;

function warnOfSilence(context: Context): void {
  nativeSetTimeout(() => hasLoggedError(context) || log("WARN", [SILENT]), LOGGED_WITHIN_MS);
}

function statusOf(answer: Answer): number {
  return answer instanceof NativeResponse ? responseStatus(answer) : answer.status;
}

function describe(result: unknown): string {
  if (result === null) return "null";
  if (result === undefined) return "nothing";
  const name = typeof result === "object" ? nameOfType(result) : typeof result;
  return `${article(name)} ${name}`;
}
