/**
 * Loads the inspection module, only in workers in inspect mode.
 *
 * The module is embedded as text. As an imported module, it would be parsed at the start of every worker,
 * which costs 3 MB each. Reading it from a file later needs a permission that workers do not have.
 *
 * @module
 */
import { importSource } from "./module.ts";

/** The module `inspect.js` beside the worker. */
export async function loadInspection(): Promise<typeof import("../inspect.ts")> {
  const { default: source } = await import("../inspect.ts", { with: { type: "text" } });
  return await importSource(source as unknown as string) as typeof import("../inspect.ts");
}
