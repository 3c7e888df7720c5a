/**
 * One request to the function: input, validation, handler, result.
 *
 * @module
 */
import { internalError, invalidJson, validationFailed } from "./answers.ts";
import { type FunctionScope, InvocationContext } from "./context.ts";
import { runAs } from "./current.ts";
import { type Input, INVALID_JSON, readBody, takesQuery } from "./input.ts";
import { outwardRequest } from "./outward_request.ts";
import { log } from "./log.ts";
import {
  decodeComponent,
  getHeader,
  indexOf,
  NativePromise,
  requestHeaders,
  requestMethod,
  requestSignal,
  requestUrl,
  signalAborted,
  slice,
} from "./primordials.ts";
import { type Outcome, toOutcome } from "./result.ts";
import type { Tool, Tools } from "./tool.ts";
import type { Validated } from "./validation.ts";

/** A function that is ready for requests. */
export interface LoadedFunction {
  readonly scope: FunctionScope;
  readonly tools: Tools;
}

/** Answers one request. Never throws. */
export function invoke(fn: LoadedFunction, request: Request): Promise<Response> {
  const headers = requestHeaders(request);
  const target = targetOf(request);
  const requestId = getHeader(headers, "x-jelou-request-id") ?? "";
  const context = new InvocationContext(fn.scope, headers, requestId, requestMethod(request), target);
  return runAs(context, () => answer(fn.tools, context, request, target));
}

async function answer(
  tools: Tools,
  context: InvocationContext,
  request: Request,
  target: string,
): Promise<Response> {
  try {
    const tool = toolOf(tools, request);
    const input = takesQuery(context.method)
      ? { value: context.query, bytes: null }
      : await readBody(request, tool.wantsRequest);
    if (input === INVALID_JSON) return invalidJson();
    const validating = validate(tool, context, input);
    const validated = validating instanceof NativePromise ? await validating : validating;
    if (validated.details !== null) return validationFailed(validated.details);
    const outward = tool.wantsRequest
      ? outwardRequest(request, urlOf(request, target), input.bytes)
      : undefined;
    const outcome = toOutcome(await tool.handler(validated.value, context, outward));
    if (outcome.described && tool.validateOutput !== null) await warnOfMismatch(tool, outcome);
    return outcome.response;
  } catch (error) {
    // What a caller who has gone away leaves behind is no fault of the function.
    log(signalAborted(requestSignal(request)) ? "WARN" : "ERROR", [error]);
    return internalError();
  }
}

/** The path and query of a request that came over a unix socket, where its URL is `http+unix://host/path`. */
function targetOf(request: Request): string {
  const url = requestUrl(request);
  const start = indexOf(url, "/", indexOf(url, "://") + 3);
  return start < 0 ? "/" : slice(url, start);
}

/** The URL that the caller used. */
function urlOf(request: Request, target: string): string {
  return (getHeader(requestHeaders(request), "x-jelou-origin") ?? "http://localhost") + target;
}

function toolOf(tools: Tools, request: Request): Tool {
  const name = getHeader(requestHeaders(request), "x-jelou-tool");
  const key = name === null ? "default" : decodeComponent(name);
  const tool = tools[key];
  if (tool === undefined) {
    throw new Error(`The gateway asked for the tool "${key}", which this function does not have`);
  }
  return tool;
}

/**
 * Validates the input.
 *
 * A schedule has no caller who could send an input: its runs get `{}`, with the schema's defaults where it
 * accepts that, so that one function can serve callers and a schedule.
 */
function validate(tool: Tool, context: InvocationContext, input: Input): Validated | Promise<Validated> {
  if (tool.validateInput === null) return { value: input.value, details: null };
  const value = input.value === undefined ? {} : input.value;
  const validated = tool.validateInput(value);
  return context.isCron ? leniently(validated, value) : validated;
}

async function leniently(validating: Validated | Promise<Validated>, value: unknown): Promise<Validated> {
  const validated = await validating;
  return validated.details === null ? validated : { value, details: null };
}

/** An output that does not match its schema is still sent: the schema describes, it does not filter. */
async function warnOfMismatch(tool: Tool, outcome: Outcome): Promise<void> {
  try {
    const { details } = await tool.validateOutput!(outcome.value);
    if (details !== null) {
      log("WARN", ["The result does not match the output schema", { tool: tool.key, details }]);
    }
  } catch (error) {
    log("WARN", ["The output schema could not be applied", error]);
  }
}
