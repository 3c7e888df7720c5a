/**
 * The marks by which the platform knows its own objects.
 *
 * They live in the global symbol registry because the worker and the user's bundle may each hold a copy of
 * this file, while `instanceof` would need one shared class.
 *
 * @module
 */
/** Marks what `define()` and `app()` return. Its value is `"define"` or `"app"`. */
export declare const DEFINITION: unique symbol;
/** Marks a result made with the `response` builder. */
export declare const RESPONSE: unique symbol;
/** The property that holds where a function was defined: an object whose `stack` begins at the call of `define()`. */
export declare const SITE: unique symbol;
