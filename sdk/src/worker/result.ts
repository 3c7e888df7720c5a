/**
 * What a handler returned, as an answer.
 *
 * @module
 */
import { RESPONSE } from "../definition/brand.ts";
import type { Answer, PlainAnswer } from "./answers.ts";
import type { FunctionResponse } from "../response/builder.ts";
import {
  appendHeader,
  eachHeader,
  NativeHeaders,
  NativeResponse,
  NativeTypeError,
  NativeUint8Array,
  setHeader,
  stringify,
  toLowerCase,
} from "./primordials.ts";

/** The handler's result, ready to be sent. */
export interface Outcome {
  readonly answer: Answer;
  /** Whether the result is a value that an output schema describes. */
  readonly described: boolean;
  readonly value: unknown;
}

/**
 * Turns a handler's result into an answer.
 *
 * @throws {TypeError} When the result has no JSON form.
 */
export function toOutcome(result: unknown): Outcome {
  if (result === undefined || result === null) {
    return { answer: NOTHING, described: true, value: result };
  }
  if (result instanceof NativeResponse) return { answer: result, described: false, value: undefined };
  if (isFunctionResponse(result)) return built(result);
  return { answer: { status: 200, headers: null, body: serialize(result) }, described: true, value: result };
}

const NOTHING: PlainAnswer = { status: 204, headers: [], body: null };

function isFunctionResponse(result: unknown): result is FunctionResponse {
  return typeof result === "object" && (result as { [RESPONSE]?: unknown })[RESPONSE] === true;
}

function built(result: FunctionResponse): Outcome {
  const { body } = result;
  const empty = body.kind === "raw" && body.value === null;
  const status = result.statusCode ?? (empty ? 204 : 200);
  const bodiless = status === 204 || status === 205 || status === 304;
  const content = bodiless ? null : body.kind === "json" ? serialize(body.value) : body.value;
  return {
    answer: isAtHand(content)
      ? { status, headers: headersOf(result), body: content }
      : new NativeResponse(content, { status, headers: headersOf(result) as HeadersInit }),
    described: body.kind === "json" && status < 300,
    value: body.kind === "json" ? body.value : undefined,
  };
}

function isAtHand(content: BodyInit | null): content is PlainAnswer["body"] {
  return content === null || typeof content === "string" || content instanceof NativeUint8Array;
}

/** The headers in the form that goes out. A name or a value that HTTP does not allow throws. */
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

/** Names in lower case, and values. */
export function listOf(headers: Headers): [name: string, value: string][] {
  const list: [string, string][] = [];
  eachHeader(headers, (value: string, name: string) => {
    list[list.length] = [name, value];
  });
  return list;
}

function serialize(value: unknown): string {
  const text = stringify(value);
  if (text === undefined) throw notJson(value);
  return text;
}

function notJson(value: unknown): TypeError {
  return new NativeTypeError(`A ${typeof value} cannot be sent as JSON; return plain data or a Response`);
}
