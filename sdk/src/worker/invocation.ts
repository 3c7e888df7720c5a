/**
 * Handles one request to the function: input, validation, handler, result.
 *
 * @module
 */
import { type Answer, internalError, type PlainAnswer, validationFailed } from "./answers.ts";
import { type FunctionScope, InvocationContext } from "./context.ts";
import { runAs } from "./current.ts";
import { answerWeb } from "./handlers/answer.ts";
import type { WebHandler } from "./handlers/handler.ts";
import type { Incoming } from "./incoming.ts";
import { type BodyLimits, codingsOf, decodeBody } from "./encoded_body.ts";
import { type Input, queryInput, readBody, Refused, takesQuery } from "./input.ts";
import { type Fields, withLists } from "./query.ts";
import { outwardRequest } from "./outward_request.ts";
import { log } from "./log.ts";
import { includes, NativeBadResource, NativePromise } from "./primordials.ts";
import { logRefusal } from "./refusal_log.ts";
import { type Outcome, toOutcome } from "./result.ts";
import { answerToThrown, describeThrown } from "./thrown.ts";
import type { Tool, Tools } from "./tool.ts";
import { hintAtMissingSecrets } from "./missing_secrets.ts";
import type { IssueDetail, Validated, Validator } from "./validation.ts";

/** A function that is ready for requests. */
export interface LoadedFunction {
  readonly scope: FunctionScope;
  readonly tools: Tools;
  /** The web handler of a function without tools, or `null`. */
  readonly web: { readonly handler: WebHandler; readonly env: Record<string, unknown> } | null;
  readonly body: BodyLimits;
}

/** Answers one request. Never throws. */
export function invoke(fn: LoadedFunction, incoming: Incoming): Promise<Answer> {
  const context = new InvocationContext(fn.scope, incoming);
  return runAs(context, () => {
    const { web } = fn;
    return web === null ? answer(fn, context, incoming) : answerWhole(web, context, incoming);
  });
}

/** Passes the whole request to a web handler and returns its answer. */
async function answerWhole(
  { handler, env }: NonNullable<LoadedFunction["web"]>,
  context: InvocationContext,
  incoming: Incoming,
): Promise<Answer> {
  try {
    return await answerWeb(handler, env, context, incoming);
  } catch (error) {
    return failed(null, incoming, error);
  }
}

async function answer(fn: LoadedFunction, context: InvocationContext, request: Incoming): Promise<Answer> {
  let incoming = request;
  let tool: Tool | null = null;
  try {
    tool = toolOf(fn.tools, incoming);
    const hasSchema = tool.validateInput !== null;
    let input: Input | Refused;
    if (takesQuery(context.method)) input = queryInput(context.query, incoming);
    else {
      // Reads the body first without a check of `content-encoding`. An encoded body does not parse as JSON. This saves
      // time for plain JSON, the common case.
      let decoded = isPlainJson(incoming) ? incoming : await withoutCodings(fn, incoming);
      if (decoded instanceof Refused) return refuse(tool, decoded);
      let reading = readBody(decoded, tool.mayUseRequest, hasSchema);
      input = reading instanceof NativePromise ? await reading : reading;
      if (input instanceof Refused && decoded === incoming && isPlainJson(incoming)) {
        decoded = await withoutCodings(fn, incoming);
        if (decoded instanceof Refused) return refuse(tool, decoded);
        if (decoded !== incoming) {
          reading = readBody(decoded, tool.mayUseRequest, hasSchema);
          input = reading instanceof NativePromise ? await reading : reading;
        }
      }
      incoming = decoded;
    }
    if (input instanceof Refused) return refuse(tool, input);
    const validating = validate(tool, context, input);
    const validated = validating instanceof NativePromise ? await validating : validating;
    if (validated.details !== null) return refuseInput(tool, input, validated.details);
    const outward = tool.mayUseRequest ? outwardRequest(incoming, urlOf(incoming), input.bytes) : undefined;
    const returned = tool.handler(validated.value, context, outward);
    const settling = toOutcome(await returned);
    const outcome = settling instanceof NativePromise ? await settling : settling;
    if (outcome.described && tool.validateOutput !== null) await warnOfMismatch(tool, outcome);
    return outcome.answer;
  } catch (error) {
    return failed(tool, incoming, error);
  }
}

function failed(tool: Tool | null, incoming: Incoming, error: unknown): Answer {
  if (isCutOff(error)) {
    log("WARN", [CUT_OFF]);
    return internalError();
  }
  // Errors after the caller has disconnected are usually caused by the disconnect.
  log(incoming.isAborted() ? "WARN" : "ERROR", describeThrown(tool, error));
  hintAtMissingSecrets(error);
  return answerToThrown(error);
}

const CUT_OFF =
  "The request's body was cut off: its caller stopped sending, or the platform refused the rest (413, " +
  "with the limit in the server's log)";

/** Whether reading a request's body has failed because the gateway has aborted the request. */
function isCutOff(error: unknown): boolean {
  return error instanceof NativeBadResource &&
    includes(error.message, "body as underlying resource unavailable");
}

/** Whether this is a request of the call channel with the content type of JSON. Its body is probably not encoded. */
function isPlainJson(incoming: Incoming): boolean {
  return incoming.native === null && incoming.contentType === "application/json";
}

function withoutCodings(fn: LoadedFunction, incoming: Incoming): Incoming | Promise<Incoming | Refused> {
  const codings = codingsOf(incoming);
  return codings.length === 0 ? incoming : decodeBody(incoming, codings, fn.body);
}

function refuse(tool: Tool, { answer, reason }: Refused): PlainAnswer {
  logRefusal(tool.key, answer.status, reason, []);
  return answer;
}

function refuseInput(tool: Tool, { note }: Input, issues: readonly IssueDetail[]): PlainAnswer {
  const message = note?.() ?? null;
  const reason = "the input does not match the schema";
  logRefusal(tool.key, 400, message === null ? reason : `${reason}. ${message}`, issues);
  return validationFailed(message === null ? issues : [{ path: [], message, code: "custom" }, ...issues]);
}

/** Returns the URL that the caller used. */
function urlOf(incoming: Incoming): string {
  return incoming.facts.url + incoming.target;
}

function toolOf(tools: Tools, incoming: Incoming): Tool {
  const key = incoming.facts.tool;
  const tool = tools[key];
  if (tool === undefined) {
    throw new Error(`The gateway called the tool "${key}", which this function does not have`);
  }
  return tool;
}

/**
 * Validates the input.
 *
 * A schedule has no caller that could send an input. Its runs get `{}`, with the schema's defaults if the schema
 * accepts `{}`. Thus one function can serve both callers and a schedule.
 */
function validate(tool: Tool, context: InvocationContext, input: Input): Validated | Promise<Validated> {
  if (tool.validateInput === null) return { value: input.value, details: null };
  const value = input.value === undefined ? {} : input.value;
  const validated = input.isFields ? validateFields(tool.validateInput, value) : tool.validateInput(value);
  return context.isCron ? leniently(validated, value) : validated;
}

/**
 * A query or form cannot mark a single value as a list. If the schema expects a list, the value becomes one.
 * Clients that mark lists by their name are also supported, unless the schema has such names itself.
 */
function validateFields(validator: Validator, value: unknown): Validated | Promise<Validated> {
  const lists = withLists(value as Fields);
  return lists === null ? validateAsNamed(validator, value) : validateEither(validator, lists, value);
}

async function validateEither(validator: Validator, lists: Fields, value: unknown): Promise<Validated> {
  const asLists = await validateAsNamed(validator, lists);
  if (asLists.details === null) return asLists;
  const asNamed = await validateAsNamed(validator, value);
  return asNamed.details === null ? asNamed : asLists;
}

function validateAsNamed(validator: Validator, value: unknown): Validated | Promise<Validated> {
  const validated = validator(value);
  return validated instanceof NativePromise
    ? retryLater(validator, value, validated)
    : retryWithLists(validator, value, validated);
}

async function retryLater(
  validator: Validator,
  value: unknown,
  first: Promise<Validated>,
): Promise<Validated> {
  return await retryWithLists(validator, value, await first);
}

function retryWithLists(
  validator: Validator,
  value: unknown,
  validated: Validated,
): Validated | Promise<Validated> {
  if (validated.details === null) return validated;
  const fields = value as Record<string, unknown>;
  let lists: Record<string, unknown> | null = null;
  for (const name of validated.lists) {
    if (typeof fields[name] !== "string") continue;
    lists ??= { ...fields };
    lists[name] = [fields[name]];
  }
  return lists === null ? validated : validator(lists);
}

async function leniently(validating: Validated | Promise<Validated>, value: unknown): Promise<Validated> {
  const validated = await validating;
  return validated.details === null ? validated : { value, details: null };
}

/**
 * Warns about an output that does not match its schema. The output is still sent: the schema documents it and does not
 * filter it.
 */
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
