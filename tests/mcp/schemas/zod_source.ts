/**
 * Writes random Zod schemas as source text.
 *
 * @module
 */
import type { Random } from "./random.ts";

export interface Source {
  /** A TypeScript expression that creates the schema. */
  readonly code: string;
  /** Whether parsing returns its input unchanged. */
  readonly echoes: boolean;
}

type Kind = (random: Random, depth: number) => Source;

/** Names of properties, including Spanish ones. */
const NAMES = ["id", "nombre", "total", "estado", "notas", "order_id", "fecha-de-alta", "v1.2", "añoDeAlta"];
const WORDS = ["alfa", "beta", "gama", "sí", "ñandú", "con espacio", "", "Δ"];
const FORMATS = [
  "z.email()",
  "z.uuid()",
  "z.url()",
  "z.ipv4()",
  "z.iso.date()",
  "z.iso.datetime()",
  "z.string().date()",
  "z.string().email()",
];

const same = (code: string): Source => ({ code, echoes: true });
const other = (code: string): Source => ({ code, echoes: false });
const text = (value: unknown) => JSON.stringify(value);

/** Replaces the code of a part by the result of a function. */
const over = (part: Source, write: (code: string) => string): Source => ({ ...part, code: write(part.code) });

function join(parts: readonly Source[], write: (codes: string[]) => string): Source {
  return { code: write(parts.map((part) => part.code)), echoes: parts.every((part) => part.echoes) };
}

/** All kinds of schemas that a property can have. */
export const KINDS: Record<string, Kind> = {
  string: (random) => {
    const min = random.integer(0, 5);
    return same(
      random.pick(["z.string()", `z.string().min(${min})`, `z.string().min(${min}).max(${min + 2})`]),
    );
  },
  format: (random) => same(random.pick(FORMATS)),
  pattern: () => same(`z.string().regex(/^[A-Z]{3}-\\d+$/).meta({ examples: ["ABC-1"] })`),
  number: (random) => {
    const least = random.integer(-9, 9);
    return same(random.pick([
      "z.number()",
      "z.number().positive()",
      `z.number().gt(${least}).lt(${least + 1})`,
      `z.number().min(${least}).multipleOf(5)`,
    ]));
  },
  integer: (random) =>
    same(random.pick(["z.int()", "z.number().int().nonnegative()", "z.int().min(3).max(4)"])),
  boolean: () => same("z.boolean()"),
  null: () => same("z.null()"),
  any: (random) => same(random.pick(["z.any()", "z.unknown()"])),
  literal: (random) =>
    same(random.pick(['z.literal("uno")', "z.literal(7)", "z.literal(true)", 'z.literal(["a", 2, null])'])),
  enum: (random) => same(random.pick([`z.enum(${text(WORDS)})`, "z.enum({ Bajo: 1, Alto: 2 })"])),
  nullable: (random, depth) => over(any(random, depth), (code) => `${code}.nullable()`),
  optional: (random, depth) => over(any(random, depth), (code) => `${code}.optional()`),
  nullish: (random, depth) => over(any(random, depth), (code) => `${code}.nullish()`),
  default: (random) =>
    other(random.pick([
      'z.string().default("nada")',
      "z.number().default(5).describe('Cuántos')",
      "z.array(z.string()).default([])",
      "z.object({ page: z.int().default(1) }).prefault({})",
    ])),
  catch: () => other("z.number().catch(0)"),
  array: (random, depth) =>
    over(
      any(random, depth),
      (code) => `z.array(${code})` + random.pick(["", ".min(1)", ".nonempty().max(3)", ".length(2)"]),
    ),
  tuple: (random, depth) => {
    const rest = random.pick(["", ", z.string()"]);
    return join(
      [any(random, depth), any(random, depth)],
      (codes) => `z.tuple([${codes.join(", ")}]${rest})`,
    );
  },
  record: (random, depth) => {
    const key = random.pick(["z.string()", 'z.enum(["lunes", "martes"])', "z.string().min(2).max(9)"]);
    return over(any(random, depth), (code) => `z.record(${key}, ${code})`);
  },
  partialRecord: (random, depth) =>
    over(any(random, depth), (code) => `z.partialRecord(z.enum(["lunes", "martes"]), ${code})`),
  object: (random, depth) => object(random, depth, random.pick(["object", "strictObject", "looseObject"])),
  catchall: (random, depth) =>
    over(object(random, depth, "object"), (code) => `${code}.catchall(z.number())`),
  // The alternative that matches a value may drop properties of the other alternative.
  union: (random, depth) => ({
    ...join(
      [any(random, depth), any(random, depth)],
      (codes) => random.pick([`z.union([${codes.join(", ")}])`, `${codes[0]}.or(${codes[1]})`]),
    ),
    echoes: false,
  }),
  discriminatedUnion: (random, depth) =>
    join(
      [any(random, depth), any(random, depth)],
      ([one, two]) =>
        `z.discriminatedUnion("tipo", [z.object({ tipo: z.literal("a"), uno: ${one} }), ` +
        `z.object({ tipo: z.enum(["b", "c"]), dos: ${two} })])`,
    ),
  intersection: (random, depth) =>
    join(
      [any(random, depth), any(random, depth)],
      ([one, two]) => `z.object({ izquierda: ${one} }).and(z.object({ derecha: ${two} }))`,
    ),
  tree: () => same("Tree"),
  lazy: () => same("Expression"),
  mutual: () => same("Person"),
  date: () => other("z.coerce.date()"),
  coercion: (random) => other(random.pick(["z.coerce.number()", "z.coerce.string()", "z.coerce.boolean()"])),
  transform: (random) =>
    other(
      random.pick(["z.string().transform((value) => value.length)", "z.string().trim().pipe(z.string())"]),
    ),
  preprocess: () => other("z.preprocess((value) => value ?? 0, z.number())"),
  refine: () => same('z.string().refine((value) => value !== "\\0", "no NUL")'),
  readonly: (random, depth) => over(any(random, depth), (code) => `${code}.readonly()`),
  described: (random, depth) =>
    over(any(random, depth), (code) => `${code}.meta({ title: "Título", description: "Dice \\"qué\\"" })`),
};

/** Schemas that the kinds `tree`, `lazy` and `mutual` refer to. */
export const SHARED = `
const Tree = z.object({ name: z.string(), get children() { return z.array(Tree).optional(); } });
const Expression = z.lazy(() => z.union([z.number(), z.object({ add: z.tuple([Expression, Expression]) })]));
const Person = z.object({ name: z.string(), get team() { return Team.nullable(); } });
const Team = z.object({ title: z.string(), get members() { return z.array(Person); } });
`;

/** Kinds without nested schemas, for the maximum depth. */
const LEAVES = ["string", "format", "number", "integer", "boolean", "literal", "enum", "refine"];

function any(random: Random, depth: number): Source {
  const kind = random.pick(depth <= 0 ? LEAVES : Object.keys(KINDS));
  return KINDS[kind]!(random, depth - 1);
}

function object(random: Random, depth: number, constructor: string): Source {
  const names = NAMES.filter(() => random.next() < 0.4);
  const parts = names.map(() => any(random, depth));
  return join(parts, (codes) => {
    const properties = codes.map((code, index) => `${text(names[index])}: ${code}`);
    return `z.${constructor}({ ${properties.join(", ")} })`;
  });
}
