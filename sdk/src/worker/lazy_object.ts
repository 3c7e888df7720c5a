/**
 * Stand-ins for web platform objects. They build the real object only when its internal state is accessed.
 *
 * Deno's `Request` and `Headers` store their state under symbols. A stand-in inherits from their prototype and reads
 * these symbols from the real object. It therefore works like the real object: with `instanceof`, with every method,
 * and in the platform itself, as in `fetch(request)` and `new Request(request)`.
 *
 * @module
 */
import { create, defineProperty, getOwnPropertySymbols, getPrototypeOf } from "./primordials.ts";

/**
 * Creates the prototype of the stand-ins for a class.
 *
 * @param sample An object of the real class. Its symbols are the keys under which this Deno version stores the state.
 * @param build Returns the real object of a stand-in, always the same one.
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
