/**
 * Tests the official TypeScript clients of both protocol revisions with the function in `tools/` and with a function
 * that has no public tools.
 *
 *   deno run -A clients/typescript.ts URL TOKEN PRIVATE_URL
 *
 * @module
 */
import { type Connected, CONNECTIONS, type Result } from "./connection.ts";

const [url, token, privateUrl] = Deno.args;
if (privateUrl === undefined) throw new Error("usage: typescript.ts URL TOKEN PRIVATE_URL");
const endpoint = new URL(url!);
const privateEndpoint = new URL(privateUrl);
const withToken = { "X-Jelou-Token": token };
for (const [name, create, version] of CONNECTIONS) {
  await checkTokenRule(name, create);
  const client = create(endpoint);
  await client.connect(withToken);
  equal(`${name}: version`, client.version(), version);
  await lists(name, client);
  await calls(name, client);
  await client.close();
  console.log(`ok: TypeScript ${name}`);
}

async function checkTokenRule(name: string, create: (url: URL) => Connected): Promise<void> {
  const cases: [URL, Record<string, string>, RegExp][] = [
    [endpoint, {}, /^ping$/],
    [endpoint, { "X-Jelou-Token": token!.slice(0, -1) + "!" }, /401|Unauthorized/],
    [privateEndpoint, {}, /401|Unauthorized/],
    [privateEndpoint, { Authorization: `Bearer ${token}` }, /401|Unauthorized/],
  ];
  for (const [url, headers, expected] of cases) {
    const client = create(url);
    const outcome = await client.connect(headers).then(() => client.listTools()).then(
      ({ tools }) => tools.map((tool) => tool.name).join(),
      (error) => String(error),
    );
    if (!expected.test(outcome)) fail(`${name}: ${url} with ${Object.keys(headers)}`, outcome);
    await client.close();
  }
}

async function lists(name: string, client: Connected): Promise<void> {
  const { tools } = await client.listTools();
  const names = tools.map((tool) => tool.name);
  equal(`${name}: tools`, names.includes("hidden"), false);
  equal(`${name}: first tool`, names[0], "send_email");
  equal(`${name}: title`, tools[0]!.title, "Send an email");
}

async function calls(name: string, client: Connected): Promise<void> {
  const modernEra = client.version() === "2026-07-28";
  const text = (result: Result) => result.content[0]?.text;

  const sent = await client.callTool("send_email", { to: "a@example.com", subject: "Hi" });
  equal(`${name}: structured`, sent.structuredContent, { id: "hi", to: "a@example.com" });
  equal(`${name}: text`, text(sent), '{"id":"hi","to":"a@example.com"}');

  const invalid = await client.callTool("send_email", { to: "nobody", subject: "" });
  equal(`${name}: invalid`, [invalid.isError, text(invalid)], [
    true,
    "Validation failed\n- to: Invalid email\n- subject: String must contain at least 1 character(s)",
  ]);

  const failed = await client.callTool("fail", {});
  equal(`${name}: failed`, [failed.isError, text(failed)], [true, "Internal function error"]);

  const refused = await client.callTool("refuse", {});
  equal(`${name}: refused`, [refused.isError, text(refused)], [
    true,
    '{"error":"taken","suggestion":"other"}',
  ]);

  const nothing = await client.callTool("nothing", {});
  equal(`${name}: nothing`, [nothing.isError, nothing.content], [false, []]);

  for (const slow of ["slow", "endless"]) {
    const late = await client.callTool(slow, {});
    equal(`${name}: ${slow}`, [late.isError, text(late)], [true, "Function timed out"]);
  }

  const order = await client.callTool("order", { id: "a b", line: "7", verbose: true });
  equal(`${name}: path`, order.structuredContent, {
    id: "a b",
    line: "7",
    path: "/orders/a%20b/lines/7",
    method: "POST",
    verbose: true,
  });

  const sum = await client.callTool("sum", { input: [1, 2, 3] });
  equal(`${name}: list`, [text(sum), sum.structuredContent], ["6", modernEra ? 6 : undefined]);

  const category = { name: "a", parts: [{ name: "b", parts: [] }] };
  const classified = await client.callTool("classify", { category });
  equal(`${name}: recursive`, classified.structuredContent, category);

  const unknown = await client.callTool("hidden", {}).then(() => "no error", (error) => String(error));
  if (!unknown.includes("Unknown tool: hidden")) fail(`${name}: hidden tool`, unknown);
}

function equal(what: string, found: unknown, expected: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  if (left !== right) fail(what, `${left} instead of ${right}`);
}

function fail(what: string, found: string): never {
  throw new Error(`${what}: ${found}`);
}
