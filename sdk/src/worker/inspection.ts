/**
 * Loads the inspection module, only in workers in inspect mode.
 *
 * The module is embedded as text. As an import, every worker would parse it at its start, which takes 3 MB. Workers
 * have no permission to read it from a file later.
 *
 * @module
 */
import { importSource } from "./module.ts";

/** Imports the module `inspect.js`, which is next to the worker. */
export async function loadInspection(): Promise<typeof import("../inspect.ts")> {
  const { default: source } = await import("../inspect.ts", { with: { type: "text" } });
  return await importSource(source as unknown as string) as typeof import("../inspect.ts");
}
