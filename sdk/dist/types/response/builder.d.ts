/** The body of a result: a value to send as JSON, or a body for a web `Response`. */
export type ResponseBody = {
    readonly kind: "json";
    readonly value: unknown;
} | {
    readonly kind: "raw";
    readonly value: BodyInit | null;
};
/** A finished result. */
export declare class FunctionResponse {
    /** The HTTP status. `undefined` means the default: 200, or 204 without a body. */
    readonly statusCode: number | undefined;
    /** Header names and values, in the order of the calls. */
    readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
    /** The body. */
    readonly body: ResponseBody;
    /** @ignore */
    constructor(statusCode: number | undefined, headers: ReadonlyArray<readonly [string, string]>, body: ResponseBody);
}
/**
 * Builds a result step by step. Every method returns a new object and does not change the builder. A handler may also
 * return the builder itself: a result without a body.
 */
export declare class ResponseBuilder extends FunctionResponse {
    #private;
    /** @ignore */
    constructor(statusCode?: number, headers?: ReadonlyArray<readonly [string, string]>);
    /**
     * Sets the status.
     *
     * @param code 200 to 599.
     * @throws {RangeError} When `code` is not an integer from 200 to 599.
     */
    status(code: number): ResponseBuilder;
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
    header(name: string, value: string | number): ResponseBuilder;
    /** Builds the response with a JSON body. Its type is `application/json`. */
    json(value: unknown): FunctionResponse;
    /**
     * Builds the response with a text body. Its type is `text/plain; charset=utf-8`, unless a `Content-Type`
     * header was set before.
     */
    text(value: string): FunctionResponse;
    /**
     * Builds the response with an HTML body. Its type is `text/html; charset=utf-8`, unless a `Content-Type`
     * header was set before.
     */
    html(value: string): FunctionResponse;
    /**
     * Builds the response with bytes or a stream as its body.
     *
     * @param value The body. A stream is sent as its data arrives.
     * @param contentType The type, unless a `Content-Type` header was set before. Default `"application/octet-stream"`.
     */
    stream(value: ReadableStream<Uint8Array> | BodyInit, contentType?: string): FunctionResponse;
    /**
     * Builds a redirect.
     *
     * @param location The target. Characters that are not ASCII are percent-encoded.
     * @param code The status. Default: the status that was set before, or 302.
     */
    redirect(location: string | URL, code?: 301 | 302 | 303 | 307 | 308): FunctionResponse;
    /** Builds the response without a body. The status is 204, unless a status was set before. */
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
