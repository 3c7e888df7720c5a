/**
 * Stand-ins for the web platform's objects, which build the real one only when something looks inside.
 *
 * Deno's `Request` and `Headers` keep their state under symbols. An object that inherits from their prototype
 * and answers those symbols from the real object is one of them in every respect: for `instanceof`, for
 * every method, and for the platform itself, as in `fetch(request)` and `new Request(request)`.
 *
 * @module
 */
import { create, defineProperty, getOwnPropertySymbols, getPrototypeOf } from "./primordials.ts";

/**
 * Makes the prototype of stand-ins.
 *
 * @param sample A real object, to see how this Deno keeps its state.
 * @param build Gives the real object behind a stand-in; it has to remember it.
 */
export function standInPrototype<S extends object, T extends object>(
  sample: T,
  build: (standIn: S) => T,
): object {
  const prototype: object = create(getPrototypeOf(sample));
  for (const symbol of getOwnPropertySymbols(sample)) {
    defineProperty(prototype, symbol, {
      get(this: S) {
        return (build(this) as Record<symbol, unknown>)[symbol];
      },
      set(this: S, value: unknown) {
        (build(this) as Record<symbol, unknown>)[symbol] = value;
      },
    });
  }
  return prototype;
}
