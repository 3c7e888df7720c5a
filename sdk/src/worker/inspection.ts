/**
 * Loads the inspection module, only in workers that describe their function.
 *
 * The module is embedded as text. As an imported module, it would be parsed at the start of every worker,
 * which costs 3 MB each. Reading it from a file later needs a permission that workers do not have.
 *
 * @module
 */
import { importSource } from "./module.ts";

type Inspection = typeof import("../inspect.ts");

let loaded: Inspection | undefined;

/** The module `inspect.js` beside the worker. */
export async function loadInspection(): Promise<Inspection> {
  if (loaded !== undefined) return loaded;
  const { default: source } = await import("../inspect.ts", { with: { type: "text" } });
  return loaded = await importSource(source as unknown as string) as Inspection;
}
