/**
 * Lists and calls all tools of a function with random schemas, with the official TypeScript clients.
 *
 * The input of each call is generated from the exact schema in the OpenAPI document. It must also match the schema that
 * the client gets for the tool. Then the call is repeated with a wrong input: without a property, or with a property of
 * another type. The error must name the property. The calls are written to a file for the Python clients.
 *
 *   deno run -A clients/schemas.ts URL TOKEN SEED FILE
 *
 * @module
 */
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { Instances, isObject, type Schema } from "../schemas/instance.ts";
import { Random } from "../schemas/random.ts";
import { type Connected, CONNECTIONS, type Result } from "./connection.ts";

const [url, token, seed, file] = Deno.args;
if (file === undefined) throw new Error("usage: schemas.ts URL TOKEN SEED FILE");

/** A call of a tool, and the data to check its result. */
interface Case {
  readonly tool: string;
  readonly arguments: Schema;
  /** The wrong property, or `null` for a valid call. */
  readonly wrong: string | null;
  /** Whether the tool returns what it received. */
  readonly echoes: boolean;
  readonly sent: unknown;
}

/** Keywords that model APIs refuse at the root of a tool's schema. */
const COMPOSITIONS = ["anyOf", "oneOf", "allOf", "not", "enum", "const", "$ref"];

const random = new Random(Number(seed));
const document = await (await fetch(url!.replace(/mcp$/, "openapi.json"))).json();
let cases: Case[] | undefined;
const taken = new Set<Case>();
for (const [name, create] of CONNECTIONS) {
  const client = create(new URL(url!));
  await client.connect({ "X-Jelou-Token": token! });
  const tools = await listed(client);
  cases ??= tools.flatMap((tool) => casesOf(tool.name, tool.inputSchema as Schema));
  for (const one of cases) {
    const result = await client.callTool(one.tool, one.arguments);
    // Schemas that convert their input, such as `.catch()`, accept more than their JSON Schema says.
    if (one.wrong !== null && !one.echoes && result.isError !== true) taken.add(one);
    else check(`${name}: ${one.tool}`, one, result);
  }
  await client.close();
  console.log(`ok: TypeScript ${name}, ${tools.length} schemas, ${cases.length} calls`);
}
await Deno.writeTextFile(file, JSON.stringify(cases?.filter((one) => !taken.has(one))));

type Tools = Awaited<ReturnType<Connected["listTools"]>>["tools"];

async function listed(client: Connected): Promise<Tools> {
  const { tools } = await client.listTools();
  for (const { name, inputSchema } of tools) {
    const schema = inputSchema as Schema;
    const found = COMPOSITIONS.filter((keyword) => keyword in schema);
    if (schema.type !== "object" || !isObject(schema.properties) || found.length > 0) {
      fail(`${name}: the root of the schema`, schema);
    }
  }
  return tools;
}

function casesOf(tool: string, inputSchema: Schema): Case[] {
  const ajv = new Ajv2020({ strict: false, logger: false });
  addFormats.default(ajv);
  const accepts = ajv.compile(inputSchema);
  const isWrapped = "input" in (inputSchema.properties as Schema);
  const [sent, args] = input(tool, isWrapped, accepts);
  const echoes = outputOf(tool) !== undefined;
  const valid: Case = { tool, arguments: args, wrong: null, echoes, sent };
  return [valid, ...wrong(valid, inputSchema, accepts)];
}

/** Generates an input from the exact schema, and the arguments for it. */
function input(tool: string, isWrapped: boolean, accepts: ValidateFunction): [sent: unknown, args: Schema] {
  const schema = operation(tool).requestBody.content["application/json"].schema;
  const instances = new Instances(random, document);
  for (let attempt = 0; attempt < 50; attempt++) {
    const sent = instances.make(schema);
    const args = isWrapped ? { input: sent } : sent;
    if (isObject(args) && accepts(args)) return [sent, args];
  }
  return fail(`${tool}: no input fits both the exact schema and the listed one`, [schema, accepts.errors]);
}

// deno-lint-ignore no-explicit-any -- a document of OpenAPI
function operation(tool: string): any {
  const operations = Object.values(document.paths).map((path) => (path as Schema).post as Schema | undefined);
  return operations.find((one) => one?.operationId === tool) ?? fail(`${tool} in OpenAPI`, document.paths);
}

function outputOf(tool: string): unknown {
  return operation(tool).responses["200"]?.content?.["application/json"]?.schema;
}

/**
 * Repeats the call without each required property, and with a value of another type, if the listed schema refuses that.
 */
function wrong(valid: Case, schema: Schema, accepts: ValidateFunction): Case[] {
  const found: Case[] = [];
  for (const name of (schema.required ?? []) as string[]) {
    const { [name]: _left, ...rest } = valid.arguments;
    for (const args of [rest, { ...rest, [name]: { nothing: ["like", "it"] } }]) {
      if (!accepts(args)) found.push({ ...valid, arguments: args, wrong: name });
    }
  }
  return found;
}

function check(what: string, one: Case, result: Result): void {
  const text = result.content[0]?.text ?? "";
  if (one.wrong === null) {
    if (result.isError === true) fail(what, [one.arguments, text]);
    const { received } = (result.structuredContent ?? JSON.parse(text)) as { received: unknown };
    if (one.echoes && sorted(received) !== sorted(one.sent)) fail(what, [one.sent, received]);
    return;
  }
  // An alternative at the root has no name, so the error shows its schema instead.
  const starts = [`- ${one.wrong}`, "- Invalid input, expected {"];
  const names = text.split("\n").some((line) => starts.some((start) => line.startsWith(start)));
  const isVague = text.includes(": Invalid input\n") || text.endsWith(": Invalid input");
  if (result.isError !== true || !text.startsWith("Validation failed") || !names || isVague) {
    fail(`${what} with a wrong ${one.wrong}`, [one.arguments, text]);
  }
}

function sorted(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, part) => isObject(part) ? Object.fromEntries(Object.entries(part).sort()) : part,
  );
}

function fail(what: string, found: unknown): never {
  throw new Error(`${what}: ${JSON.stringify(found)}`);
}
