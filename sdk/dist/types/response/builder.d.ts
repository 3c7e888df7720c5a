/** The body of a result: JSON that is still a value, or something that a web `Response` takes. */
export type ResponseBody = {
    readonly kind: "json";
    readonly value: unknown;
} | {
    readonly kind: "raw";
    readonly value: BodyInit | null;
};
/** A finished result. */
export declare class FunctionResponse {
    /** The HTTP status, or `undefined` for the usual one: 200, or 204 without a body. */
    readonly statusCode: number | undefined;
    /** Header names and values in the order in which they were given. */
    readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
    /** The body. */
    readonly body: ResponseBody;
    /** @ignore */
    constructor(statusCode: number | undefined, headers: ReadonlyArray<readonly [string, string]>, body: ResponseBody);
}
/**
 * Builds a result step by step. Every method gives a new object and leaves its own as it is. A builder that is
 * returned as it is has no body.
 */
export declare class ResponseBuilder extends FunctionResponse {
    #private;
    /** @ignore */
    constructor(statusCode?: number, headers?: ReadonlyArray<readonly [string, string]>);
    /**
     * Sets the status.
     *
     * @param code 200 to 599.
     * @throws {RangeError} When it is no such number.
     */
    status(code: number): ResponseBuilder;
    /**
     * Sets a header in place of an earlier one of the same name; `Set-Cookie` is added instead. Values are ASCII: a file name
     * with other characters goes into `filename*`.
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
    header(name: string, value: string | number): ResponseBuilder;
    /** Ends with a JSON body, of the type `application/json`. */
    json(value: unknown): FunctionResponse;
    /** Ends with a text body, of the type `text/plain; charset=utf-8` unless a header already says one. */
    text(value: string): FunctionResponse;
    /** Ends with an HTML body, of the type `text/html; charset=utf-8` unless a header already says one. */
    html(value: string): FunctionResponse;
    /**
     * Ends with bytes or a stream.
     *
     * @param value The body, sent as it becomes available.
     * @param contentType Its type, unless a header already says it. Default `"application/octet-stream"`.
     */
    stream(value: ReadableStream<Uint8Array> | BodyInit, contentType?: string): FunctionResponse;
    /**
     * Ends with a redirect.
     *
     * @param location Where to; characters that are not ASCII are percent-encoded.
     * @param code Default 302, unless a status was set before.
     */
    redirect(location: string | URL, code?: 301 | 302 | 303 | 307 | 308): FunctionResponse;
    /** Ends without a body: 204, unless a status was set before. */
    empty(): FunctionResponse;
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
export declare const response: ResponseBuilder;
