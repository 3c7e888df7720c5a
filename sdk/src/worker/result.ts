/**
 * What a handler returned, as a web `Response`.
 *
 * @module
 */
import { RESPONSE } from "../definition/brand.ts";
import type { FunctionResponse } from "../response/builder.ts";
import {
  appendHeader,
  jsonResponse,
  NativeHeaders,
  NativeResponse,
  NativeTypeError,
  setHeader,
  stringify,
  toLowerCase,
} from "./primordials.ts";

/** The handler's result, ready to be sent. */
export interface Outcome {
  readonly response: Response;
  /** Whether the result is a value that an output schema describes. */
  readonly described: boolean;
  readonly value: unknown;
}

/**
 * Turns a handler's result into a response.
 *
 * @throws {TypeError} When the result has no JSON form.
 */
export function toOutcome(result: unknown): Outcome {
  if (result === undefined || result === null) {
    return { response: new NativeResponse(null, { status: 204 }), described: true, value: result };
  }
  if (result instanceof NativeResponse) return { response: result, described: false, value: undefined };
  if (isFunctionResponse(result)) return built(result);
  if (typeof result === "function" || typeof result === "symbol") throw notJson(result);
  return { response: jsonResponse(result), described: true, value: result };
}

function isFunctionResponse(result: unknown): result is FunctionResponse {
  return typeof result === "object" && (result as { [RESPONSE]?: unknown })[RESPONSE] === true;
}

function built(result: FunctionResponse): Outcome {
  const { body } = result;
  const headers = new NativeHeaders();
  if (body.kind === "json") setHeader(headers, "content-type", "application/json");
  for (let index = 0; index < result.headers.length; index++) {
    const pair = result.headers[index]!;
    if (toLowerCase(pair[0]) === "set-cookie") appendHeader(headers, pair[0], pair[1]);
    else setHeader(headers, pair[0], pair[1]);
  }
  const empty = body.kind === "raw" && body.value === null;
  const status = result.statusCode ?? (empty ? 204 : 200);
  const bodiless = status === 204 || status === 205 || status === 304;
  const content = bodiless ? null : body.kind === "json" ? serialize(body.value) : body.value;
  return {
    response: new NativeResponse(content, { status, headers }),
    described: body.kind === "json" && status < 300,
    value: body.kind === "json" ? body.value : undefined,
  };
}

function serialize(value: unknown): string {
  const text = stringify(value);
  if (text === undefined) throw notJson(value);
  return text;
}

function notJson(value: unknown): TypeError {
  return new NativeTypeError(`A ${typeof value} cannot be sent as JSON; return plain data or a Response`);
}
