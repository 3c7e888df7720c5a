/**
 * `response`: builds a result with a status and headers.
 *
 * Every method returns a new object, so a partly built response can be reused. The result is plain data, which tests
 * can compare. The platform's worker converts it to a web `Response`.
 *
 * @module
 */
import { RESPONSE } from "../definition/brand.ts";

/** The body of a result: a value to send as JSON, or a body for a web `Response`. */
export type ResponseBody =
  | { readonly kind: "json"; readonly value: unknown }
  | { readonly kind: "raw"; readonly value: BodyInit | null };

/** A finished result. */
export class FunctionResponse {
  /** The HTTP status. `undefined` means the default: 200, or 204 without a body. */
  readonly statusCode: number | undefined;
  /** Header names and values, in the order of the calls. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The body. */
  readonly body: ResponseBody;

  /** @ignore */
  constructor(
    statusCode: number | undefined,
    headers: ReadonlyArray<readonly [string, string]>,
    body: ResponseBody,
  ) {
    this.statusCode = statusCode;
    this.headers = headers;
    this.body = body;
  }
}

// The brand is a symbol, which JSON cannot contain: data from outside that a handler returns is never mistaken for a
// response.
Object.defineProperty(FunctionResponse.prototype, RESPONSE, { value: true });

/**
 * Builds a result step by step. Every method returns a new object and does not change the builder. A handler may also
 * return the builder itself: a result without a body.
 */
export class ResponseBuilder extends FunctionResponse {
  /** @ignore */
  constructor(statusCode?: number, headers: ReadonlyArray<readonly [string, string]> = []) {
    super(statusCode, headers, { kind: "raw", value: null });
  }

  /**
   * Sets the status.
   *
   * @param code 200 to 599.
   * @throws {RangeError} When `code` is not an integer from 200 to 599.
   */
  status(code: number): ResponseBuilder {
    if (!Number.isInteger(code) || code < 200 || code > 599) {
      throw new RangeError(`response.status() takes an HTTP status from 200 to 599, and got ${String(code)}`);
    }
    return new ResponseBuilder(code, this.headers);
  }

  /**
   * Sets a header and replaces an earlier header of the same name. `Set-Cookie` is added instead. Values are ASCII: use
   * `filename*` for a file name with other characters.
   *
   * ```ts
   * import { response } from "@jelou/functions";
   *
   * const name = encodeURIComponent("año.pdf");
   * response.header("Content-Disposition", `attachment; filename*=UTF-8''${name}`);
   * ```
   *
   * @throws {TypeError} When HTTP does not allow the name or the value; the message names the character.
   */
  header(name: string, value: string | number): ResponseBuilder {
    checkHeader(name, String(value));
    const lower = name.toLowerCase();
    const others = lower === "set-cookie"
      ? this.headers
      : this.headers.filter(([other]) => other.toLowerCase() !== lower);
    return new ResponseBuilder(this.statusCode, [...others, [name, String(value)]]);
  }

  /** Builds the response with a JSON body. Its type is `application/json`. */
  json(value: unknown): FunctionResponse {
    return new FunctionResponse(this.statusCode, this.headers, { kind: "json", value });
  }

  /**
   * Builds the response with a text body. Its type is `text/plain; charset=utf-8`, unless a `Content-Type`
   * header was set before.
   */
  text(value: string): FunctionResponse {
    return this.#raw(checkedText(value, "text"), "text/plain; charset=utf-8");
  }

  /**
   * Builds the response with an HTML body. Its type is `text/html; charset=utf-8`, unless a `Content-Type`
   * header was set before.
   */
  html(value: string): FunctionResponse {
    return this.#raw(checkedText(value, "html"), "text/html; charset=utf-8");
  }

  /**
   * Builds the response with bytes or a stream as its body.
   *
   * @param value The body. A stream is sent as its data arrives.
   * @param contentType The type, unless a `Content-Type` header was set before. Default `"application/octet-stream"`.
   */
  stream(
    value: ReadableStream<Uint8Array> | BodyInit,
    contentType = "application/octet-stream",
  ): FunctionResponse {
    return this.#raw(value, contentType);
  }

  /**
   * Builds a redirect.
   *
   * @param location The target. Characters that are not ASCII are percent-encoded.
   * @param code The status. Default: the status that was set before, or 302.
   */
  redirect(location: string | URL, code?: 301 | 302 | 303 | 307 | 308): FunctionResponse {
    const located = this.header("Location", encodeAddress(String(location)));
    return new FunctionResponse(code ?? this.statusCode ?? 302, located.headers, located.body);
  }

  /** Builds the response without a body. The status is 204, unless a status was set before. */
  empty(): FunctionResponse {
    return new FunctionResponse(this.statusCode, this.headers, this.body);
  }

  #raw(value: BodyInit | null, contentType: string): FunctionResponse {
    const typed = this.headers.some(([name]) => name.toLowerCase() === "content-type");
    const headers = typed ? this.headers : [...this.headers, ["Content-Type", contentType] as const];
    return new FunctionResponse(this.statusCode, headers, { kind: "raw", value });
  }
}

/** A valid header name (RFC 9110, section 5.1). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~\w-]+$/;
/** A character that HTTP does not allow in a header value, or that clients interpret differently. */
const NO_HEADER_VALUE = /[^\t\x20-\x7e]/u;

function checkHeader(name: string, value: string): void {
  if (typeof name !== "string" || !HEADER_NAME.test(name)) {
    throw new TypeError(
      `response.header() takes a name of letters, digits and -, and got ${JSON.stringify(name)}`,
    );
  }
  const wrong = NO_HEADER_VALUE.exec(value);
  if (wrong === null) return;
  const code = wrong[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  const advice = name.toLowerCase() === "content-disposition"
    ? "; a file name goes into filename*=UTF-8''${encodeURIComponent(name)}"
    : "; encode it, for example with encodeURIComponent()";
  throw new TypeError(
    `response.header("${name}"): the value has the character ${
      JSON.stringify(wrong[0])
    } (U+${code}) at ${wrong.index}, ` +
      `and header values are ASCII${advice}`,
  );
}

/** Percent-encodes the characters that are not allowed in a header. Existing percent-encodings stay. */
function encodeAddress(location: string): string {
  return location.toWellFormed().replace(/[^\x21-\x7e]+/gu, encodeURIComponent);
}

/** Converts a primitive value to text. Refuses objects, which would be sent as `[object Object]`. */
function checkedText(value: unknown, method: "text" | "html"): string {
  if (value === undefined || value === null) {
    throw new TypeError(`response.${method}() takes a string, and got ${value}; use response.empty()`);
  }
  if (typeof value !== "object" || value instanceof String) return String(value);
  throw new TypeError(`response.${method}() takes a string, and got an object; use response.json()`);
}

/**
 * Builds a result with a status and headers.
 *
 * ```ts
 * import { define, response } from "@jelou/functions";
 *
 * export default define({
 *   description: "Takes an order",
 *   handler: () => response.status(201).header("Location", "/orders/7").json({ id: 7 }),
 * });
 * ```
 */
export const response: ResponseBuilder = new ResponseBuilder();
