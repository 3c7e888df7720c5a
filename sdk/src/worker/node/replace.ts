/**
 * Replaces properties of the runtime's objects.
 *
 * @module
 */

/** Replaces the properties that are configurable or missing. */
export function replaceAll(object: object, properties: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(properties)) {
    if (Object.getOwnPropertyDescriptor(object, name)?.configurable === false) continue;
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  }
}
