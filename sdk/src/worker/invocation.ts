/**
 * One request to the function: input, validation, handler, result.
 *
 * @module
 */
import { type Answer, internalError, invalidJson, validationFailed } from "./answers.ts";
import { type FunctionScope, InvocationContext } from "./context.ts";
import { runAs } from "./current.ts";
import type { Incoming } from "./incoming.ts";
import { type Input, INVALID_JSON, readBody, takesQuery } from "./input.ts";
import { outwardRequest } from "./outward_request.ts";
import { log } from "./log.ts";
import { NativePromise } from "./primordials.ts";
import { isResponse, type Outcome, toOutcome } from "./result.ts";
import type { Tool, Tools } from "./tool.ts";
import type { Validated } from "./validation.ts";

/** A function that is ready for requests. */
export interface LoadedFunction {
  readonly scope: FunctionScope;
  readonly tools: Tools;
}

/** Answers one request. Never throws. */
export function invoke(fn: LoadedFunction, incoming: Incoming): Promise<Answer> {
  const context = new InvocationContext(fn.scope, incoming);
  return runAs(context, () => answer(fn.tools, context, incoming));
}

async function answer(tools: Tools, context: InvocationContext, incoming: Incoming): Promise<Answer> {
  try {
    const tool = toolOf(tools, incoming);
    const reading = takesQuery(context.method)
      ? { value: context.query, bytes: null }
      : readBody(incoming, tool.wantsRequest);
    const input = reading instanceof NativePromise ? await reading : reading;
    if (input === INVALID_JSON) return invalidJson();
    const validating = validate(tool, context, input);
    const validated = validating instanceof NativePromise ? await validating : validating;
    if (validated.details !== null) return validationFailed(validated.details);
    const outward = tool.wantsRequest ? outwardRequest(incoming, urlOf(incoming), input.bytes) : undefined;
    const returned = tool.handler(validated.value, context, outward);
    const settling = toOutcome(await returned);
    const outcome = settling instanceof NativePromise ? await settling : settling;
    if (outcome.described && tool.validateOutput !== null) await warnOfMismatch(tool, outcome);
    return outcome.answer;
  } catch (error) {
    // What a caller who has gone away leaves behind is no fault of the function.
    log(incoming.isAborted() ? "WARN" : "ERROR", isResponse(error) ? [THROWN_RESPONSE, error] : [error]);
    return internalError();
  }
}

const THROWN_RESPONSE = "The handler threw a response, which is answered with 500; return it";

/** The URL that the caller used. */
function urlOf(incoming: Incoming): string {
  return incoming.facts.url + incoming.target;
}

function toolOf(tools: Tools, incoming: Incoming): Tool {
  const key = incoming.facts.tool;
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
