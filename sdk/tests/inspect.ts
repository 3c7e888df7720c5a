/**
 * Inspects modules, as a deploy does.
 *
 * @module
 */
import { strictEqual as same } from "node:assert/strict";
import type { Manifest } from "../src/inspect/manifest.ts";
import type { LoadResult } from "../src/worker/load_message.ts";
import { Worker } from "./worker.ts";

/** Inspects a module. */
export async function inspect(code: string, imports = ""): Promise<LoadResult> {
  await using worker = await Worker.start({ network: false });
  return await worker.load(
    `import { app, define, z } from "@jelou/functions";\n${imports}\nexport default ${code};`,
    {
      mode: "inspect",
    },
  );
}

export async function manifestOf(code: string): Promise<Manifest> {
  const result = await inspect(code);
  if (!result.ok) throw new Error(result.error.message);
  return result.manifest as Manifest;
}

export async function problemsOf(code: string): Promise<string[]> {
  const result = await inspect(code);
  if (result.ok) throw new Error("the definition was accepted");
  same(result.error.code, "INVALID_DEFINITION");
  return result.error.message.split("\n");
}
