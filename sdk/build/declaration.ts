/**
 * Prints a declaration of `deno doc --json` as TypeScript, without bodies and comments.
 *
 * @module
 */

/** A type as `deno doc` describes it: `value` depends on the kind. */
export interface DocType {
  readonly kind: string;
  readonly repr?: string;
  // deno-lint-ignore no-explicit-any -- the shapes are those of one pinned version of Deno, and a page shows each
  readonly value?: any;
}

/** A parameter. `left` is set if it has a default, `arg` if it is a rest parameter. */
export interface Param {
  readonly kind: string;
  readonly name?: string;
  readonly optional?: boolean;
  readonly left?: Param;
  readonly arg?: Param;
  readonly tsType?: DocType;
}

interface TypeParam {
  readonly name: string;
  readonly constraint?: DocType;
  readonly default?: DocType;
}

/** The content of a doc comment. */
export interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly {
    readonly kind: string;
    readonly name?: string;
    readonly tsType?: DocType;
    readonly doc?: string;
  }[];
}

/** A property, method, constructor or index signature. */
export interface Member {
  readonly name: string;
  readonly jsDoc?: JsDoc;
  readonly kind?: string;
  readonly optional?: boolean;
  readonly readonly?: boolean;
  readonly computed?: boolean;
  readonly tsType?: DocType;
  readonly params?: readonly Param[];
  readonly returnType?: DocType;
  readonly typeParams?: readonly TypeParam[];
  /** Methods of classes have this field instead of the three fields above. */
  readonly functionDef?: Member;
}

/** The content of a declaration. */
export interface Definition {
  readonly typeParams?: readonly TypeParam[];
  /** The name of a class, or the types of an interface. */
  readonly extends?: string | readonly DocType[];
  readonly constructors?: readonly Member[];
  readonly properties?: readonly Member[];
  readonly methods?: readonly Member[];
  readonly indexSignatures?: readonly Member[];
  readonly params?: readonly Param[];
  readonly returnType?: DocType;
  readonly tsType?: DocType;
}

/** Prints a declaration of this kind and name. */
export function declaration(kind: string, name: string, def: Definition): string {
  const generic = name + typeParams(def.typeParams);
  switch (kind) {
    case "function":
      return `function ${generic}${signature(def)};`;
    case "variable":
      return `const ${name}: ${printType(def.tsType)};`;
    case "typeAlias":
      return `type ${generic} = ${printType(def.tsType)};`;
    case "interface":
    case "class": {
      const parents = typeof def.extends === "string"
        ? def.extends
        : (def.extends ?? []).map(printType).join(", ");
      const members = membersOf(def).map((member) => `${printMember(member)};`);
      return `${kind} ${generic}${parents && ` extends ${parents}`} {\n${members.join("\n")}\n}`;
    }
  }
  throw new Error(`${name}: cannot print a ${kind}`);
}

/** All members, in the order in which they are shown. */
export function membersOf(def: Definition): Member[] {
  const { constructors = [], properties = [], methods = [], indexSignatures = [] } = def;
  return [
    ...constructors,
    ...properties,
    ...methods.map((method) => ({ ...method, ...method.functionDef })),
    ...indexSignatures,
  ];
}

/** The name of a parameter. */
export function paramName(param: Param): string {
  return param.left ? paramName(param.left) : param.arg ? `...${paramName(param.arg)}` : param.name!;
}

function printMember(member: Member): string {
  const { readonly, tsType, params } = member;
  const prefix = readonly ? "readonly " : "";
  if (member.name === undefined) return `${prefix}[${params!.map(param).join(", ")}]: ${printType(tsType)}`;
  const name = member.computed ? `[${member.name}]` : propertyName(member.name);
  if (params) return `${name}${typeParams(member.typeParams)}${signature(member)}`;
  return `${prefix}${name}${member.optional ? "?" : ""}: ${printType(tsType)}`;
}

function propertyName(name: string): string {
  return /^[\w$]+$/.test(name) ? name : JSON.stringify(name);
}

function signature({ params = [], returnType }: Pick<Member, "params" | "returnType">): string {
  return `(${params.map(param).join(", ")})${returnType ? `: ${printType(returnType)}` : ""}`;
}

function param(given: Param): string {
  // The doc comment says the default, so the parameter is shown as optional.
  const { optional, tsType } = given.left ? { ...given.left, optional: true } : given;
  return `${paramName(given)}${optional ? "?" : ""}: ${printType(tsType)}`;
}

function typeParams(params: readonly TypeParam[] = []): string {
  if (params.length === 0) return "";
  const printed = params.map(({ name, constraint, default: fallback }) =>
    name + (constraint ? ` extends ${printType(constraint)}` : "") +
    (fallback ? ` = ${printType(fallback)}` : "")
  );
  return `<${printed.join(", ")}>`;
}

/** Prints a type. */
export function printType(given: DocType | undefined): string {
  if (given === undefined) throw new Error("a type that is not written down");
  const { kind, value } = given;
  switch (kind) {
    case "keyword":
      return value;
    case "literal":
      return value.kind === "string" ? JSON.stringify(value.string) : given.repr!;
    case "typeRef":
      return value.typeName + (value.typeParams ? `<${value.typeParams.map(printType).join(", ")}>` : "");
    case "array":
      return `${printType(value)}[]`;
    case "tuple":
      return `[${value.map(printType).join(", ")}]`;
    case "union":
      return value.map(printType).join(" | ");
    case "parenthesized":
      return `(${printType(value)})`;
    case "typeOperator":
      return `${value.operator} ${printType(value.tsType)}`;
    case "indexedAccess":
      return `${printType(value.objType)}[${printType(value.indexType)}]`;
    case "typeLiteral":
      return `{ ${membersOf(value).map(printMember).join("; ")} }`;
    case "fnOrConstructor":
      return `(${value.params.map(param).join(", ")}) => ${printType(value.tsType)}`;
    case "conditional": {
      const { checkType, extendsType, trueType, falseType } = value;
      return `${printType(checkType)} extends ${printType(extendsType)} ? ${printType(trueType)} : ${
        printType(falseType)
      }`;
    }
  }
  throw new Error(`cannot print a type of the kind ${kind}`);
}
