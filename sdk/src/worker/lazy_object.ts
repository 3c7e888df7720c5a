/**
 * Stand-ins for web platform objects. They build the real object only on access to its internal state.
 *
 * Deno's `Request` and `Headers` keep their state under symbols. A stand-in inherits from their prototype and
 * reads these symbols from the real object. It therefore works like the real object: for `instanceof`, for
 * every method, and for the platform itself, as in `fetch(request)` and `new Request(request)`.
 *
 * @module
 */
import { create, defineProperty, getOwnPropertySymbols, getPrototypeOf } from "./primordials.ts";

/**
 * Creates the prototype of stand-ins.
 *
 * @param sample A real object, which shows how this Deno version keeps its state.
 * @param build Returns the real object behind a stand-in, always the same one.
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
