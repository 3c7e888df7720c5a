/**
 * Builds the assets that the server embeds: `deno run -A build/main.ts [--check]`.
 *
 * With `--check`, nothing is written. The check fails if `dist/` differs from a fresh build.
 *
 * @module
 */
import { stop } from "esbuild";
import { buildBundles } from "./bundles.ts";
import { importMap } from "./import_map.ts";
import { buildTypes } from "./types.ts";
import { compareFolder, writeFolder } from "./output.ts";

const dist = new URL("../dist/", import.meta.url);

const files = new Map<string, string>([
  ...await buildBundles(),
  ["import-map.json", importMap()],
  ...await buildTypes(),
]);
await stop();

if (Deno.args.includes("--check")) {
  const differences = await compareFolder(dist, files);
  for (const difference of differences) console.error(difference);
  if (differences.length > 0) {
    console.error("sdk/dist is not what sdk/src builds: run `deno task build` in sdk/ and commit the result");
    Deno.exit(1);
  }
} else {
  await writeFolder(dist, files);
  for (const [name, text] of files) if (!name.startsWith("types/")) console.log(name, text.length);
}
