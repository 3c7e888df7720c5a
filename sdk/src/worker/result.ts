/**
 * Converts a handler's result to an answer.
 *
 * @module
 */
import { RESPONSE } from "../definition/brand.ts";
import type { Answer, PlainAnswer } from "./answers.ts";
import type { FunctionResponse } from "../response/builder.ts";
import { toJson } from "./json.ts";
import {
  appendHeader,
  arrayPrototype,
  asyncIterator,
  eachHeader,
  getPrototypeOf,
  keys,
  NativeHeaders,
  NativePromise,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  objectPrototype,
  setHeader,
  toLowerCase,
} from "./primordials.ts";
import { checkedBody, takeOver } from "./taken_over.ts";

/** The result of a handler, ready to send. */
export interface Outcome {
  readonly answer: Answer;
  /** Whether the result is a value that an output schema describes. */
  readonly described: boolean;
  readonly value: unknown;
}

/**
 * Converts a handler's result to an answer.
 *
 * @throws {TypeError} If the result cannot be sent. A returned promise rejects with the same error.
 */
export function toOutcome(result: unknown): Outcome | Promise<Outcome> {
  if (result === undefined || result === null) {
    return { answer: NOTHING, described: true, value: result };
  }
  return typeof result !== "object" || isPlain(result) && !isStream(result)
    ? asJson(result)
    : special(result);
}

/** Whether an object can only be read by `for await`. JSON would omit its values. */
function isStream(result: object): boolean {
  return asyncIterator in result && keys(result).length === 0;
}

const NOTHING: PlainAnswer = { status: 204, headers: [], body: null };

/** Whether a value is a plain object or a list, like the value of a literal. */
function isPlain(result: object): boolean {
  const prototype = getPrototypeOf(result);
  return prototype === objectPrototype || prototype === arrayPrototype || prototype === null;
}

function asJson(value: unknown): Outcome {
  return { answer: { status: 200, headers: null, body: toJson(value) }, described: true, value };
}

function special(result: object): Outcome | Promise<Outcome> {
  if (result instanceof NativeResponse) return sent(result);
  if (isFunctionResponse(result)) return built(result);
  const answer = takeOver(result);
  if (answer === null) return asJson(result);
  return answer instanceof NativePromise ? sentLater(answer) : sent(answer);
}

async function sentLater(answer: Promise<Answer>): Promise<Outcome> {
  return sent(await answer);
}

function sent(answer: Answer): Outcome {
  return { answer, described: false, value: undefined };
}

/** Whether a value was created by the `response` builder. */
function isFunctionResponse(result: object): result is FunctionResponse {
  return (result as { [RESPONSE]?: unknown })[RESPONSE] === true;
}

/** Whether a value is a web `Response` or a result of the `response` builder. */
export function isResponse(value: unknown): boolean {
  return typeof value === "object" && value !== null &&
    (value instanceof NativeResponse || isFunctionResponse(value));
}

function built(result: FunctionResponse): Outcome {
  const { body } = result;
  const empty = body.kind === "raw" && body.value === null;
  const status = result.statusCode ?? (empty ? 204 : 200);
  const bodiless = status === 204 || status === 205 || status === 304;
  const content = bodiless ? null : body.kind === "json" ? jsonOf(body.value) : checkedBody(body.value);
  return {
    answer: isAtHand(content)
      ? { status, headers: headersOf(result), body: content }
      : new NativeResponse(content, { status, headers: headersOf(result) as HeadersInit }),
    described: body.kind === "json" && status < 300,
    value: body.kind === "json" ? body.value : undefined,
  };
}

function jsonOf(value: unknown): string {
  if (value !== undefined) return toJson(value);
  throw new NativeTypeError(
    "response.json() got undefined, which JSON cannot express; pass null, or return response.empty()",
  );
}

function isAtHand(content: BodyInit | null): content is PlainAnswer["body"] {
  return content === null || typeof content === "string" || content instanceof NativeUint8Array;
}

/** Converts the headers for sending. Throws on a name or value that HTTP does not allow. */
function headersOf(result: FunctionResponse): PlainAnswer["headers"] {
  const { body } = result;
  if (body.kind === "json" && result.headers.length === 0) return null;
  const headers = new NativeHeaders();
  if (body.kind === "json") setHeader(headers, "content-type", "application/json");
  for (let index = 0; index < result.headers.length; index++) {
    const pair = result.headers[index]!;
    if (toLowerCase(pair[0]) === "set-cookie") appendHeader(headers, pair[0], pair[1]);
    else setHeader(headers, pair[0], pair[1]);
  }
  return listOf(headers);
}

/** Converts headers to a list, with names in lower case. */
export function listOf(headers: Headers): [name: string, value: string][] {
  const list: [string, string][] = [];
  eachHeader(headers, (value: string, name: string) => {
    list[list.length] = [name, value];
  });
  return list;
}
