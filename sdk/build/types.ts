/**
 * The type declarations: a folder that an editor and `deno check` resolve without a network.
 *
 * Declarations are made file by file (every public export has an explicit type), and those of Zod are copied
 * with their licence. All imports become relative paths of `.d.ts` files, which Deno resolves as they are.
 *
 * @module
 */
import { dirname, join, relative } from "node:path/posix";
import ts from "typescript";
import { fromFileUrl } from "./path.ts";

const root = fromFileUrl(new URL("../", import.meta.url));
const zodRoot = join(root, "node_modules/zod");
const VENDORED = "vendor/zod";

/** The files of bare specifiers in the folder of declarations. */
const BARE: Record<string, string> = {
  "zod": `${VENDORED}/index.d.ts`,
  "@jelou/functions": "functions.d.ts",
  "@jelou/functions/testing": "testing.d.ts",
};

/** Builds the declarations, by file name under `dist/`. */
export async function buildTypes(): Promise<[name: string, text: string][]> {
  const files = new Map<string, string>();
  for (const entry of ["functions.d.ts", "testing.d.ts"]) await collect(entry, files);
  files.set(`${VENDORED}/LICENSE`, await Deno.readTextFile(join(zodRoot, "LICENSE")));
  return [...files].sort(([a], [b]) => a < b ? -1 : 1).map(([name, text]) => [`types/${name}`, text]);
}

/** Adds a declaration file and all files that it imports. */
async function collect(name: string, files: Map<string, string>): Promise<void> {
  if (files.has(name)) return;
  files.set(name, "");
  const text = (await declarationText(name)).replace(/^\/\/# sourceMappingURL=.*\n?/m, "");
  const targets: string[] = [];
  let rewritten = "";
  let end = 0;
  for (const literal of specifiers(name, text)) {
    const target = BARE[literal.text] ?? join(dirname(name), literal.text.replace(/\.(?:js|ts)$/, ".d.ts"));
    const path = relative(dirname(name), target);
    rewritten += text.slice(end, literal.getStart()) +
      JSON.stringify(path.startsWith(".") ? path : `./${path}`);
    end = literal.end;
    targets.push(target);
  }
  files.set(name, rewritten + text.slice(end));
  for (const target of targets) await collect(target, files);
}

/** The module names of every `import`, `export ... from` and `import()` type, in order. */
function specifiers(name: string, text: string): ts.StringLiteral[] {
  const found: ts.StringLiteral[] = [];
  const visit = (node: ts.Node): void => {
    let specifier: ts.Node | undefined;
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) specifier = node.argument.literal;
    if (specifier !== undefined && ts.isStringLiteral(specifier)) found.push(specifier);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.ESNext, true));
  return found.sort((left, right) => left.pos - right.pos);
}

async function declarationText(name: string): Promise<string> {
  if (name.startsWith(`${VENDORED}/`)) {
    return await Deno.readTextFile(join(zodRoot, name.slice(VENDORED.length + 1)));
  }
  const source = join(root, "src", name.replace(/\.d\.ts$/, ".ts"));
  const { outputText, diagnostics } = ts.transpileDeclaration(await Deno.readTextFile(source), {
    fileName: source,
    reportDiagnostics: true,
    compilerOptions: {
      isolatedDeclarations: true,
      declaration: true,
      target: ts.ScriptTarget.ESNext,
      strict: true,
    },
  });
  if (diagnostics !== undefined && diagnostics.length > 0) {
    const texts = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    throw new Error(`${name}: ${texts.join("\n")}`);
  }
  return outputText;
}
