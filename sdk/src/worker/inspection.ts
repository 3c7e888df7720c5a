/**
 * Loads the inspection, in the workers that inspect.
 *
 * It is read as text: a module that could be imported would be parsed in every worker at its start, which is
 * 3 MB of each of them, and reading a file later needs a right that workers do not have.
 *
 * @module
 */
import { importSource } from "./module.ts";

/** The module `inspect.js` beside the worker. */
export async function loadInspection(): Promise<typeof import("../inspect.ts")> {
  const { default: source } = await import("../inspect.ts", { with: { type: "text" } });
  return await importSource(source as unknown as string) as typeof import("../inspect.ts");
}
