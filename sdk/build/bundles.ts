/**
 * The JavaScript assets.
 *
 * @module
 */
import { build, type Plugin } from "esbuild";
import { collectLicences } from "./licences.ts";
import { fromFileUrl } from "./path.ts";

const root = new URL("../", import.meta.url);

/**
 * The import name that the bundles (except the SDK's own) leave to the import map, so that a process has one
 * copy of the SDK.
 */
const SDK = ["@jelou/functions"];

const BUNDLES: ReadonlyArray<{ readonly name: string; readonly entry: string; readonly external: string[] }> =
  [
    { name: "functions.js", entry: "src/functions.ts", external: [] },
    { name: "testing.js", entry: "src/testing.ts", external: SDK },
    { name: "worker.js", entry: "src/worker/main.ts", external: SDK },
    { name: "inspect.js", entry: "src/inspect.ts", external: SDK },
  ];

/** Builds the bundles and the licences of their packages, by file name. */
export async function buildBundles(): Promise<[name: string, text: string][]> {
  const files: [string, string][] = [];
  const sources = new Set<string>();
  for (const { name, entry, external } of BUNDLES) {
    files.push([name, await bundle(entry, external, sources)]);
  }
  files.push(["LICENSES.txt", await collectLicences(sources)]);
  return files;
}

async function bundle(entry: string, external: string[], sources: Set<string>): Promise<string> {
  const result = await build({
    entryPoints: [fromFileUrl(new URL(entry, root))],
    absWorkingDir: fromFileUrl(root),
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    platform: "neutral",
    target: "esnext",
    mainFields: ["module", "main"],
    conditions: ["import"],
    external: [...external, "node:*"],
    plugins: [inspectionStaysApart, localesAreEnglish],
    minify: true,
    charset: "ascii",
    legalComments: "none",
    logLevel: "warning",
  });
  for (const source of Object.keys(result.metafile.inputs)) sources.add(source);
  return result.outputFiles[0]!.text;
}

/** The worker loads the inspection from a separate file, and only for an inspection. */
const inspectionStaysApart: Plugin = {
  name: "inspection-stays-apart",
  setup({ onResolve }) {
    onResolve({ filter: /\/inspect\.ts$/ }, (args) => {
      return args.kind === "dynamic-import" ? { path: "./inspect.js", external: true } : undefined;
    });
  },
};

/**
 * Zod contains its messages in some fifty languages: more than half of its code, and 8 MB of memory in every
 * process. The platform's contract defines English messages for every locale, so here each language is an
 * alias of English.
 */
const localesAreEnglish: Plugin = {
  name: "locales-are-english",
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, async ({ path }) => {
      const names = (await Deno.readTextFile(path)).matchAll(/export \{ default as (\w+) \}/g);
      const exports = Array.from(names, ([, name]) => `en as ${name}`);
      return { contents: `import en from "./en.js";\nexport { ${exports.join(", ")} };` };
    });
  },
};
