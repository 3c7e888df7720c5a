/**
 * Writes the reference of the SDK, a page for each entry point, from its doc comments.
 *
 *   deno run -A build/reference.ts FOLDER
 *
 * @module
 */
import {
  declaration,
  type Definition,
  type JsDoc,
  type Member,
  membersOf,
  paramName,
  printType,
} from "./declaration.ts";
import { fromFileUrl } from "./path.ts";

interface Documentation {
  readonly module_doc: JsDoc;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly {
      readonly kind: string;
      readonly jsDoc?: JsDoc;
      readonly def: Definition;
    }[];
  }[];
}

const PAGES = [
  { file: "sdk.md", title: "SDK: `@jelou/functions`", entry: "src/functions.ts" },
  { file: "sdk-testing.md", title: "SDK: `@jelou/functions/testing`", entry: "src/testing.ts" },
];

/** Zod has its own documentation, so this page has only the differences. */
const ZOD = { name: "z", entry: "src/zod/z.ts" };

const root = new URL("../", import.meta.url);

async function documentation(entry: string): Promise<Documentation> {
  const { nodes } = JSON.parse(await deno(["doc", "--json", entry]));
  return Object.values(nodes)[0] as Documentation;
}

async function deno(args: string[], input = ""): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd: fromFileUrl(root),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`deno ${args.join(" ")} failed`);
  return new TextDecoder().decode(stdout);
}

async function page(title: string, entry: string): Promise<string> {
  const { module_doc, symbols } = await documentation(entry);
  const values: string[] = [];
  const types: string[] = [];
  for (const { name, declarations } of symbols) {
    if (name === ZOD.name) {
      const { module_doc } = await documentation(ZOD.entry);
      values.push(`### \`${name}\``, ...comment(module_doc));
      continue;
    }
    for (const { kind, jsDoc, def } of declarations) {
      const section = kind === "interface" || kind === "typeAlias" ? types : values;
      section.push(
        `### \`${name}\``,
        fenced(declaration(kind, name, def)),
        ...comment(jsDoc),
        ...parameters(jsDoc),
        membersOf(def).map(member).join("\n"),
      );
    }
  }
  const text = [
    `# ${title}`,
    `<!-- Made by \`make docs\` from the doc comments of sdk/${entry}. -->`,
    ...comment(module_doc),
    "## Functions and values",
    ...values,
    "## Types",
    ...types,
  ].filter((part) => part !== "").join("\n\n");
  return await deno(["fmt", "--ext", "md", "-"], text);
}

function fenced(code: string): string {
  return `\`\`\`ts\n${code}\n\`\`\``;
}

function comment(jsDoc: JsDoc = {}): string[] {
  const { doc = "", tags = [] } = jsDoc;
  const examples = tags.filter(({ kind }) => kind === "example").map(({ doc = "" }) => doc);
  return [doc.trim(), ...examples].filter((text) => text !== "");
}

/** The tags for parameters, the result and errors, as a list. */
function parameters({ tags = [] }: JsDoc = {}): string[] {
  const lines = tags.flatMap(({ kind, name, tsType, doc = "" }) => {
    if (kind === "param") return [`- \`${name}\`: ${line(doc)}`];
    if (kind === "return") return [`- Returns: ${line(doc)}`];
    if (kind === "throws") return [`- Throws \`${printType(tsType)}\`: ${line(doc)}`];
    return [];
  });
  return lines.length > 0 ? [lines.join("\n")] : [];
}

function member({ name, params, jsDoc }: Member): string {
  const shown = name === undefined
    ? "any other"
    : `\`${name}${params ? `(${params.map(paramName).join(", ")})` : ""}\``;
  const nested = parameters(jsDoc).map((list) => list.replaceAll(/^/gm, "  "));
  return [`- ${shown}: ${line(comment(jsDoc).join(" "))}`, ...nested].join("\n");
}

/** Joins the lines of a text for a list. */
function line(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, " ");
}

/** The files that the entry points export from, without Zod's. */
async function documentedFiles(): Promise<string[]> {
  const entry = await Deno.readTextFile(new URL("src/functions.ts", root));
  const exported = [...entry.matchAll(/from "\.\/([^"]+)"/g)].map(([, file]) => `src/${file}`);
  return [...exported.filter((file) => !file.includes("zod")), "src/testing.ts"];
}

const [folder] = Deno.args;
if (folder === undefined) throw new Error("the folder to write to is missing");
await deno(["doc", "--lint", "--quiet", ...await documentedFiles()]);
for (const { file, title, entry } of PAGES) {
  await Deno.writeTextFile(`${folder}/${file}`, await page(title, entry));
}
