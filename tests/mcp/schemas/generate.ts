/**
 * Writes a function whose tools have random schemas. Each kind of schema is used at the root and as a property.
 *
 *   deno run -A schemas/generate.ts FOLDER SEED COUNT
 *
 * @module
 */
import { Random } from "./random.ts";
import { KINDS, SHARED, type Source } from "./zod_source.ts";

const DEPTH = 3;

const [folder, seed, count] = Deno.args;
if (count === undefined) throw new Error("usage: generate.ts FOLDER SEED COUNT");
const random = new Random(Number(seed));
const kinds = Object.keys(KINDS);

const tools = Array.from({ length: Number(count) }, (_, index) => tool(index, kinds[index % kinds.length]!));
await Deno.mkdir(folder!, { recursive: true });
await Deno.writeTextFile(
  `${folder}/index.ts`,
  `import { app, define, z } from "@jelou/functions";
${SHARED}
export default app({
  description: "Schemas of seed ${seed}",
  tools: {
${tools.join("\n")}
  },
});
`,
);

/**
 * Writes a tool. The first tool of a kind has the schema at the root of its input, further tools have it as a property.
 */
function tool(index: number, kind: string): string {
  const made = KINDS[kind]!(random, DEPTH);
  const input = index < kinds.length ? made : within(made);
  const echo = `z.object({ received: ${input.code} })`;
  return `    t${index}_${kind}: define({
      description: "${kind}",
      input: ${input.code},${input.echoes ? `\n      output: ${echo},` : ""}
      config: { methods: ["POST"] },
      handler: (received: unknown) => ({ received }) as any,
    }),`;
}

function within(part: Source): Source {
  return { ...part, code: `z.object({ valor: ${part.code}, otro: z.string().optional() })` };
}
