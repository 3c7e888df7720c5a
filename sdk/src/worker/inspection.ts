/**
 * Loads the inspection module, only in workers that describe their function.
 *
 * The module is embedded as text. If it were imported, every worker would parse it at its start, which takes
 * 3 MB of memory. Workers have no permission to read it from a file later.
 *
 * @module
 */
import { importSource } from "./module.ts";

type Inspection = typeof import("../inspect.ts");

let loaded: Inspection | undefined;

/** Loads the inspection module. Later calls return the same module. */
export async function loadInspection(): Promise<Inspection> {
  if (loaded !== undefined) return loaded;
  const { default: source } = await import("../inspect.ts", { with: { type: "text" } });
  return loaded = await importSource(source as unknown as string) as Inspection;
}
