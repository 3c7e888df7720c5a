/**
 * Runs the official conformance suite with a deployed function, for both protocol revisions. Compares all checks with
 * the baseline.
 *
 *   deno run -A conformance.ts URL
 *
 * @module
 */
import { BASELINE, NOT_OFFERED } from "./baseline.ts";
import config from "./deno.json" with { type: "json" };

/** Timeout of the suite for one revision. The suite takes seconds unless it hangs. */
const PATIENCE_MS = 5 * 60_000;

interface Check {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "SKIPPED" | "INFO";
  readonly errorMessage?: string;
}

const [url] = Deno.args;
if (url === undefined) throw new Error("the URL of the function's /mcp is missing");
let passed = 0;
let failed = 0;
for (const revision of Object.keys(BASELINE)) {
  const scenarios = await runSuite(revision);
  for (const [scenario, checks] of scenarios) judge(revision, scenario, checks);
  for (const scenario of Object.keys(BASELINE[revision]!)) {
    if (!scenarios.has(scenario)) fault(revision, scenario, "is in the baseline and did not run");
  }
}
console.log(`conformance: ${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

/**
 * Runs the suite for one revision. Returns the checks of all scenarios, including those that do not count for the
 * score.
 */
async function runSuite(revision: string): Promise<Map<string, Check[]>> {
  const output = await Deno.makeTempDir();
  try {
    const suite = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--cached-only", "--frozen", config.imports["@modelcontextprotocol/conformance"]],
        ...["server", "--url", url!, "--requirements", revision, "-o", output],
      ],
      cwd: import.meta.dirname,
      signal: AbortSignal.timeout(PATIENCE_MS),
      stdout: "piped",
      stderr: "piped",
    });
    const { stdout, stderr } = await suite.output();
    const scenarios = new Map<string, Check[]>();
    for await (const { name } of Deno.readDir(output)) {
      const scenario = /^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/.exec(name)?.[1];
      if (scenario === undefined) continue;
      scenarios.set(scenario, await readChecks(`${output}/${name}/checks.json`));
    }
    // The exit code of the suite is ignored, because it does not say which check failed.
    if (scenarios.size === 0) {
      const decoder = new TextDecoder();
      throw new Error(`the suite did not run:\n${decoder.decode(stdout)}${decoder.decode(stderr)}`);
    }
    return scenarios;
  } finally {
    await Deno.remove(output, { recursive: true });
  }
}

async function readChecks(path: string): Promise<Check[]> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    return [{ id: "checks.json", status: "FAILURE", errorMessage: `the scenario gave up: ${error}` }];
  }
}

function judge(revision: string, scenario: string, checks: readonly Check[]): void {
  if (NOT_OFFERED.test(scenario)) return;
  const missed = checks.filter(({ status }) => status === "FAILURE" || status === "WARNING");
  const expected = new Set(BASELINE[revision]![scenario]?.checks);
  const unexpected = missed.filter(({ id }) => !expected.has(id));
  const found = new Set(missed.map(({ id }) => id));
  const stale = [...expected].filter((id) => !found.has(id));
  for (const { id, errorMessage } of unexpected) fault(revision, scenario, `${id}: ${errorMessage}`);
  for (const id of stale) fault(revision, scenario, `${id} is in the baseline and passes`);
  if (unexpected.length === 0 && stale.length === 0) passed++;
}

function fault(revision: string, scenario: string, text: string): void {
  failed++;
  console.error(`error: ${revision} ${scenario}: ${text}`);
}
