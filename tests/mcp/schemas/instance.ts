/**
 * Generates random values that match a JSON Schema.
 *
 * @module
 */
import type { Random } from "./random.ts";

export type Schema = Record<string, unknown>;

const FORMATS: Record<string, string> = {
  email: "ana@example.com",
  uuid: "0b6f2c1e-5d0a-4f65-9a6b-3f1c2d4e5f60",
  uri: "https://example.com/a?b=c",
  ipv4: "192.0.2.1",
  base64: "aG9sYQ==",
  date: "2026-02-28",
  "date-time": "2026-02-28T12:30:00Z",
};

/** Maximum depth of optional parts, so that recursive schemas end. */
const MAX_DEPTH = 6;

export class Instances {
  readonly #random: Random;
  /** The document in which references are resolved. */
  readonly #document: Schema;

  constructor(random: Random, document: Schema) {
    this.#random = random;
    this.#document = document;
  }

  make(schema: unknown, depth = 0): unknown {
    if (typeof schema !== "object" || schema === null) return "cualquiera";
    const own = schema as Schema;
    if (typeof own.$ref === "string") return this.make(this.#resolve(own.$ref), depth);
    if ("const" in own) return own.const;
    if (Array.isArray(own.enum)) return this.#random.pick(own.enum);
    if (Array.isArray(own.examples)) return this.#random.pick(own.examples);
    if (Array.isArray(own.allOf)) return this.#all(own, depth);
    const alternatives = own.anyOf ?? own.oneOf;
    if (Array.isArray(alternatives)) return this.make(this.#choose(alternatives, depth), depth + 1);
    const type = Array.isArray(own.type) ? this.#random.pick(own.type) : own.type;
    switch (type) {
      case "string":
        return this.#text(own);
      case "number":
      case "integer":
        return this.#number(own, type);
      case "boolean":
        return this.#random.next() < 0.5;
      case "null":
        return null;
      case "array":
        return this.#list(own, depth);
      case "object":
        return this.#object(own, depth);
      default:
        return this.#random.pick(["cualquiera", 1, null, { a: [] }]);
    }
  }

  #resolve(reference: string): unknown {
    const steps = reference.split("/").slice(1);
    return steps.reduce<unknown>((part, step) => {
      const name = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      return (part as Schema | undefined)?.[name];
    }, this.#document);
  }

  #all({ allOf, ...rest }: Schema, depth: number): unknown {
    const parts = (allOf as Schema[]).map((part) => this.make(part, depth));
    if ("type" in rest) parts.push(this.make(rest, depth));
    return parts.every(isObject) ? Object.assign({}, ...parts) : parts[0];
  }

  /** Chooses an alternative. Beyond the maximum depth, chooses one without nested schemas, so that recursion ends. */
  #choose(alternatives: unknown[], depth: number): unknown {
    const ends = alternatives.filter((part) =>
      !/"(?:\$ref|properties|items|anyOf)"/.test(JSON.stringify(part))
    );
    return this.#random.pick(depth > MAX_DEPTH && ends.length > 0 ? ends : alternatives);
  }

  #text({ format, minLength = 0, maxLength = Infinity }: Schema): string {
    const known = FORMATS[String(format)];
    if (known !== undefined) return known;
    const text = this.#random.pick(["", "a", "ñandú", "dos palabras", '"<&>"', "Δ"]);
    return text.padEnd(Number(minLength), "x").slice(0, Number(maxLength));
  }

  #number(schema: Schema, type: string): number {
    const { minimum, exclusiveMinimum, maximum, exclusiveMaximum, multipleOf } = schema as Record<
      string,
      number
    >;
    const low = minimum ?? exclusiveMinimum ?? -Infinity;
    const high = maximum ?? exclusiveMaximum ?? Infinity;
    if (type === "number" && exclusiveMinimum !== undefined && high - low <= 1) return (low + high) / 2;
    let number = Math.max(low, Math.min(high, this.#random.integer(-5, 5)));
    if (multipleOf !== undefined) number = Math.ceil(number / multipleOf) * multipleOf;
    return number === exclusiveMinimum ? number + 1 : number === exclusiveMaximum ? number - 1 : number;
  }

  #list({ prefixItems = [], items, minItems = 0, maxItems }: Schema, depth: number): unknown[] {
    const list = (prefixItems as unknown[]).map((item) => this.make(item, depth + 1));
    const more = depth < MAX_DEPTH && items !== undefined && items !== false ? this.#random.integer(0, 2) : 0;
    const wanted = Math.min(Math.max(Number(minItems), list.length + more), Number(maxItems ?? Infinity));
    while (list.length < wanted) list.push(this.make(items, depth + 1));
    return list;
  }

  #object(schema: Schema, depth: number): Schema {
    const required = (schema.required ?? []) as string[];
    const object: Schema = {};
    for (const [name, part] of Object.entries((schema.properties ?? {}) as Schema)) {
      if (required.includes(name) || (depth < MAX_DEPTH && this.#random.next() < 0.5)) {
        object[name] = this.make(part, depth + 1);
      }
    }
    const others = schema.additionalProperties;
    if (!isObject(others) || depth >= MAX_DEPTH) return object;
    const { enum: names = ["clave", "año"] } = (schema.propertyNames ?? {}) as { enum?: string[] };
    for (const name of names) {
      if (required.includes(name) || this.#random.next() < 0.5) object[name] ??= this.make(others, depth + 1);
    }
    return object;
  }
}

export function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
