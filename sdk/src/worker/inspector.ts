/**
 * The inspector of the process, which a debugger uses. Only workers in development have one.
 *
 * @module
 */

/** Returns the inspector's URL. */
export async function inspectorUrl(): Promise<string | null> {
  const { default: inspector } = await import("node:inspector");
  return inspector.url() ?? null;
}

const { writeTextFileSync } = Deno;

/**
 * Blocks the process until a debugger is attached and lets it run. Needs the permission `sys`.
 *
 * @param file Is created just before, because a debugger that was attached earlier cannot let the process run.
 */
export async function waitForDebugger(file: string): Promise<void> {
  const { default: inspector } = await import("node:inspector");
  writeTextFileSync(file, "");
  inspector.waitForDebugger();
}
