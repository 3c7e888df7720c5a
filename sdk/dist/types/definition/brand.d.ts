/**
 * The brands by which the platform recognizes its own objects.
 *
 * They are in the global symbol registry, because the worker and the user's bundle may each contain a copy of this
 * file. `instanceof` would need one shared class.
 *
 * @module
 */
/** The brand of the results of `define()` and `app()`. Its value is `"define"` or `"app"`. */
export declare const DEFINITION: unique symbol;
/** The brand of a result that the `response` builder made. */
export declare const RESPONSE: unique symbol;
