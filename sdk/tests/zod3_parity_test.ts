/**
 * Compares the worker's validation errors with the errors of the real Zod 3, for all combinations of many
 * schemas and many inputs.
 *
 * @module
 */
import { deepEqual as equal, strictEqual as same } from "node:assert/strict";
import { z as z4 } from "@jelou/functions";
import { z as z3 } from "zod3";
import { compileValidator, type IssueDetail } from "../src/worker/validation.ts";

// deno-lint-ignore no-explicit-any -- the same text builds a schema of either version
type Z = any;
// deno-lint-ignore no-explicit-any -- as above
type Build = (z: Z) => any;

const strings: Record<string, Build> = {
  "string": (z) => z.string(),
  "min": (z) => z.string().min(1),
  "min and max": (z) => z.string().min(3).max(5),
  "length": (z) => z.string().length(4),
  "nonempty": (z) => z.string().nonempty(),
  "email": (z) => z.string().email(),
  "url": (z) => z.string().url(),
  "uuid": (z) => z.string().uuid(),
  "nanoid": (z) => z.string().nanoid(),
  "cuid": (z) => z.string().cuid(),
  "cuid2": (z) => z.string().cuid2(),
  "ulid": (z) => z.string().ulid(),
  "emoji": (z) => z.string().emoji(),
  "datetime": (z) => z.string().datetime(),
  "date string": (z) => z.string().date(),
  "time": (z) => z.string().time(),
  "duration": (z) => z.string().duration(),
  "base64": (z) => z.string().base64(),
  "base64url": (z) => z.string().base64url(),
  "jwt": (z) => z.string().jwt(),
  "regex": (z) => z.string().regex(/^a+$/),
  "includes": (z) => z.string().includes("b"),
  "includes at": (z) => z.string().includes("b", { position: 2 }),
  "starts with": (z) => z.string().startsWith("a"),
  "ends with": (z) => z.string().endsWith("z"),
  "trim": (z) => z.string().trim().min(2),
  "own message": (z) =>
    z.string({ message: "text please" }).min(3, "too short").email({ message: "bad mail" }),
};

const numbers: Record<string, Build> = {
  "number": (z) => z.number(),
  "int": (z) => z.number().int(),
  "range": (z) => z.number().min(1).max(3),
  "open range": (z) => z.number().gt(1).lt(3),
  "positive": (z) => z.number().positive(),
  "nonnegative": (z) => z.number().nonnegative(),
  "negative": (z) => z.number().negative(),
  "nonpositive": (z) => z.number().nonpositive(),
  "multiple": (z) => z.number().multipleOf(5),
  "coerced number": (z) => z.coerce.number().min(5),
  "bigint": (z) => z.bigint(),
  "bigint range": (z) => z.bigint().min(5n).max(7n),
  "bigint open range": (z) => z.bigint().gt(5n).lt(7n),
  "bigint multiple": (z) => z.bigint().multipleOf(5n),
  "date": (z) => z.date(),
  "date range": (z) => z.date().min(new Date(10)).max(new Date(20)),
  "coerced date": (z) => z.coerce.date(),
};

const others: Record<string, Build> = {
  "boolean": (z) => z.boolean(),
  "coerced boolean": (z) => z.coerce.boolean(),
  "null": (z) => z.null(),
  "undefined": (z) => z.undefined(),
  "void": (z) => z.void(),
  "symbol": (z) => z.symbol(),
  "nan": (z) => z.nan(),
  "any": (z) => z.any(),
  "unknown": (z) => z.unknown(),
  "literal": (z) => z.literal("a"),
  "number literal": (z) => z.literal(5),
  "boolean literal": (z) => z.literal(true),
  "null literal": (z) => z.literal(null),
  "enum": (z) => z.enum(["a", "b"]),
  "numeric enum": (z) => z.nativeEnum({ A: 1, B: "b", 1: "A" }),
  "optional": (z) => z.string().optional(),
  "nullable": (z) => z.string().nullable(),
  "default": (z) => z.string().default("x"),
  "catch": (z) => z.number().catch(1),
  "refined": (z) => z.string().refine((value: string) => value === "a"),
  "refined with a message": (z) => z.string().refine((value: string) => value === "a", "not a"),
  "transformed": (z) => z.string().transform((value: string) => value.length).pipe(z.number().min(3)),
  "preprocessed": (z) => z.preprocess((value: unknown) => String(value), z.string().min(30)),
  "union": (z) => z.union([z.string(), z.number()]),
  "union of objects": (z) => z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]),
  "intersection": (z) => z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })),
  "branded": (z) => z.string().brand(),
  "readonly": (z) => z.array(z.string()).readonly(),
  "lazy": (z) => z.lazy(() => z.string()),
};

const containers: Record<string, Build> = {
  "object": (z) => z.object({ a: z.string(), n: z.number() }),
  "optional field": (z) => z.object({ a: z.string().optional(), b: z.boolean().nullable() }),
  "strict object": (z) => z.object({ a: z.string() }).strict(),
  "strict empty object": (z) => z.object({}).strict(),
  "loose object": (z) => z.object({ a: z.string() }).passthrough(),
  "catchall": (z) => z.object({ a: z.string() }).catchall(z.number()),
  "nested": (z) => z.object({ deep: z.object({ list: z.array(z.object({ kind: z.enum(["a", "b"]) })) }) }),
  "array": (z) => z.array(z.string()),
  "array size": (z) => z.array(z.any()).min(2).max(3),
  "array length": (z) => z.array(z.any()).length(2),
  "nonempty array": (z) => z.array(z.string()).nonempty(),
  "tuple": (z) => z.tuple([z.string(), z.number()]),
  "record": (z) => z.record(z.string(), z.number()),
  "record of emails": (z) => z.record(z.string().email(), z.number()),
  "set": (z) => z.set(z.string()),
  "set size": (z) => z.set(z.any()).min(2).max(3),
  "map": (z) => z.map(z.string(), z.number()),
  "discriminated": (z) =>
    z.discriminatedUnion("type", [
      z.object({ type: z.literal("a"), a: z.string() }),
      z.object({ type: z.literal("b"), n: z.number() }),
    ]),
  "superRefine": (z) =>
    z.object({ a: z.unknown().optional() }).superRefine((value: { a: unknown }, ctx: Z) => {
      if (value.a !== 1) ctx.addIssue({ code: "custom", message: "a is not 1", path: ["a", 0] });
    }),
  "coerced form": (z) =>
    z.object({
      email: z.string().email(),
      age: z.coerce.number().int().min(18),
      tags: z.array(z.string().min(2)).max(2).optional(),
      address: z.object({ city: z.string().min(1), zip: z.string().regex(/^\d+$/) }).optional(),
    }),
};

const schemas = { ...strings, ...numbers, ...others, ...containers };

const inputs: unknown[] = [
  ...[undefined, null, true, false, 0, 1, 2, 3, -1, 1.5, 5, 7, NaN, 4n, 5n, 6n, 7n, 8n],
  ...[
    "",
    "a",
    "b",
    "ab",
    "abz",
    "aaaa",
    "aaaaaa",
    " a ",
    "5",
    "nope",
    "2020-01-01",
    "10:00:00",
    "x@y.co",
    "é",
  ],
  ...["2020-01-01T00:00:00Z", "P1D", "aGk=", "!!", "https://example.com/", "😀"],
  ...[new Date(0), new Date(15), new Date(30), new Date(NaN), Symbol.for("s"), () => 1, /x/],
  ...[[], ["a"], ["a", 1], ["a", "b", "c", "d"], [1, null, undefined, "x"], ["a", "b", 3]],
  ...[{}, { a: "x" }, { a: 1 }, { a: "x", n: 1 }, { a: "x", extra: 1, more: 2 }, { n: "1" }, {
    a: 1,
    b: "x",
  }],
  ...[{ a: "x", b: 1 }, { b: null }, { deep: {} }, {
    deep: { list: [{ kind: "c" }, {}, null, { kind: 1 }] },
  }],
  ...[{ type: "a" }, { type: "b", n: "x" }, { type: "c" }, { type: 1 }, { "x@y.co": 1, bad: "b" }],
  ...[{ email: "no", age: "x", tags: ["a", "bb", "cc"], address: { city: "" } }, {
    email: "a@b.co",
    age: 17.5,
  }],
  ...[
    new Set(),
    new Set(["a"]),
    new Set([1, "a"]),
    new Set([1, 2, 3, 4]),
    new Map([["a", 1]]),
    new Map([[1, "a"]]),
  ],
  ...[Promise.resolve(1)],
];

/** Inputs that JSON cannot express. Zod 3 checks their classes, and Zod 4 checks their fields. */
const isInstance = (input: unknown) =>
  [Date, Set, Map, Promise, RegExp].some((type) => input instanceof type) || typeof input === "function";

const isOneOf = (...values: unknown[]) => (input: unknown) => values.includes(input);
const always = () => true;

/**
 * Cases where Zod 3 and Zod 4 report different issues. Here the issues of Zod 4 count, and only places with
 * issues from both versions must have equal issues.
 */
const DIFFERENT: Record<string, (input: unknown) => boolean> = {
  "emoji": isOneOf("5"),
  "base64url": isOneOf("aGk="),
  // Zod 4 counts characters, and Zod 3 counted code units.
  "trim": isOneOf("😀"),
  "intersection": isInstance,
  "object": isInstance,
  "optional field": isInstance,
  "strict object": isInstance,
  "strict empty object": isInstance,
  "loose object": isInstance,
  "catchall": isInstance,
  "nested": isInstance,
  "record": isInstance,
  "set": isInstance,
  "map": isInstance,
  "discriminated": isInstance,
  "superRefine": isInstance,
  // Zod 4 does not validate the value of an invalid key.
  "record of emails": always,
  // Zod 4 validates the items before the length of a list, and does not check the range of a non-integer.
  "coerced form": always,
};

function zod3Details(schema: Z, input: unknown): IssueDetail[] | null {
  const result = schema.safeParse(input);
  if (result.success) return null;
  return result.error.issues.map(({ path, message, code }: IssueDetail) => ({ path, message, code }));
}

/** Whether Zod 3 reports the same issues at each place where both versions report issues. */
function agrees(ours: readonly IssueDetail[], theirs: readonly IssueDetail[]): boolean {
  return ours.every((issue) => {
    const place = JSON.stringify(issue.path);
    const said = theirs.filter(({ path }) => JSON.stringify(path) === place);
    return said.length === 0 || said.some((other) => JSON.stringify(other) === JSON.stringify(issue));
  });
}

Deno.test("errors have the codes, words and order of Zod 3", async () => {
  let exact = 0;
  for (const [name, build] of Object.entries(schemas)) {
    const validate = compileValidator(build(z4));
    for (const input of inputs) {
      // Zod 3 throws if a coercion throws.
      if (/coerced/.test(name) && ["symbol", "bigint"].includes(typeof input)) continue;
      const theirs = zod3Details(build(z3), input);
      const ours = (await validate(input)).details;
      const place = `${name}, ${Deno.inspect(input)}`;
      if (DIFFERENT[name]?.(input)) {
        if (ours !== null && theirs !== null && !agrees(ours, theirs)) equal([place, ours], [place, theirs]);
      } else {
        equal([place, ours], [place, theirs]);
        exact++;
      }
    }
  }
  same(exact > 6_500, true, `only ${exact} comparisons were exact`);
});

Deno.test("formats and limits that Zod 3 did not know speak in its manner", async () => {
  const cases: [schema: Z, input: unknown, code: string, message: string][] = [
    [z4.email(), "x", "invalid_string", "Invalid email"],
    [z4.uuidv7(), "x", "invalid_string", "Invalid uuid"],
    [z4.ipv4(), "x", "invalid_string", "Invalid ip"],
    [z4.cidrv6(), "x", "invalid_string", "Invalid cidr"],
    [z4.iso.datetime(), "x", "invalid_string", "Invalid datetime"],
    [z4.e164(), "x", "invalid_string", "Invalid e164"],
    [z4.string().lowercase(), "X", "invalid_string", "Invalid"],
    [z4.templateLiteral(["a", z4.number()]), "x", "invalid_string", "Invalid"],
    [z4.number(), Infinity, "not_finite", "Number must be finite"],
    [z4.int(), 1.5, "invalid_type", "Expected integer, received float"],
    [z4.int32(), 2 ** 40, "too_big", "Number must be less than or equal to 2147483647"],
    [
      z4.literal(["a", "b"]),
      "c",
      "invalid_enum_value",
      "Invalid enum value. Expected 'a' | 'b', received 'c'",
    ],
    [z4.stringbool(), "maybe", "invalid_enum_value", ""],
    [z4.file(), "x", "invalid_type", "Expected file, received string"],
  ];
  for (const [schema, input, code, message] of cases) {
    const { details } = await compileValidator(schema)(input);
    same(details?.length, 1);
    same(details![0]!.code, code);
    if (message !== "") same(details![0]!.message, message);
  }
});
