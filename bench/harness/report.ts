/** Writes what was measured, ratios first. */
import { run } from "./process.ts";
import type { Many } from "./many.ts";
import type { Neighbours, Times } from "./neighbours.ts";
import type { Starts } from "./starts.ts";

export interface Figures {
  work: string;
  peer: string;
  rate: number;
  p50: number;
  p99: number;
  /** Microseconds of CPU time for each call: of what stands before the function, and of everything. */
  frontCpu: number;
  allCpu: number;
  /** MiB, private. */
  memory: number;
}

/** What only this platform is asked for; `null` where it was left out. */
export interface Own {
  starts: Starts | null;
  /** MiB, private, of an idle warm function. */
  idle: number | null;
  many: Many | null;
  bytesPerToken: number | null;
  neighbours: Neighbours | null;
}

const results = new URL("../results/", import.meta.url).pathname;

/** Into the files of this name. */
export async function writeReport(
  name: string,
  figures: Figures[],
  own: Own,
  settings: { rounds: number; seconds: number },
): Promise<void> {
  const machine = await describeMachine();
  await Deno.mkdir(results, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  await Deno.writeTextFile(
    `${results}${name}.json`,
    JSON.stringify({ date, machine, settings, figures, ...own }, null, 2) +
      "\n",
  );
  const lines = [`# Benchmark of ${date}`, "", machine, ""];
  if (figures.length > 0) {
    lines.push(
      `Median of ${settings.rounds} rounds of ${settings.seconds} s for each peer, in turns.`,
      "",
      ...ratios(figures),
      ...table(figures),
    );
  }
  lines.push(
    ...ownLines(own),
    ...(own.neighbours ? neighbourLines(own.neighbours) : []),
  );
  await Deno.writeTextFile(`${results}${name}.md`, lines.join("\n") + "\n");
  const files = [`${results}${name}.json`, `${results}${name}.md`];
  await run(Deno.execPath(), ["fmt", "--quiet", ...files]);
  console.log(lines.join("\n"));
}

function ratios(figures: Figures[]): string[] {
  const find = (work: string, peer: string) =>
    figures.find((row) => row.work === work && row.peer === peer);
  const lines = [
    "## Ratios to each peer",
    "",
    "| work | peer | calls/s | CPU in front, per call | p50 |",
    "|---|---|---|---|---|",
  ];
  for (const row of figures.filter((row) => row.peer !== "jelou")) {
    const own = find(row.work, "jelou");
    if (!own) continue;
    const ratio = (a: number, b: number) => (a / b).toFixed(2);
    lines.push(
      `| ${row.work} | ${row.peer} | ${ratio(own.rate, row.rate)} | ${
        ratio(own.frontCpu, row.frontCpu)
      } | ${ratio(own.p50, row.p50)} |`,
    );
  }
  return [...lines, ""];
}

function table(figures: Figures[]): string[] {
  const lines = [
    "## Figures",
    "",
    "| work | peer | calls/s | p50, us | p99, us | CPU in front, us | CPU in all, us | private memory, MiB |",
    "|---|---|---|---|---|---|---|---|",
  ];
  for (const row of figures) {
    const cells = [row.rate, row.p50, row.p99].map((value) =>
      Math.round(value)
    );
    const rest = [row.frontCpu, row.allCpu, row.memory].map((value) =>
      value.toFixed(1)
    );
    lines.push(
      `| ${row.work} | ${row.peer} | ${[...cells, ...rest].join(" | ")} |`,
    );
  }
  return [...lines, ""];
}

function ownLines({ starts, idle, many, bytesPerToken }: Own): string[] {
  const lines = [
    "## Against its targets",
    "",
    "| what | target | measured |",
    "|---|---|---|",
  ];
  const row = (what: string, target: string, measured: string) =>
    lines.push(`| ${what} | ${target} | ${measured} |`);
  const times = ({ p50, p99 }: { p50: number; p99: number }) =>
    `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}`;
  if (starts) {
    const { pooled, fromNothing, callsAfterRevocation } = starts;
    row("cold start, blank worker ready, ms", "p50 8, p99 30", times(pooled));
    row("cold start, from nothing, ms", "p50 60", times(fromNothing));
    row("calls that a revoked token opened", "0", String(callsAfterRevocation));
  }
  if (idle !== null) {
    row("private memory of an idle function, MiB", "20", idle.toFixed(1));
  }
  if (many) {
    const { functions, budgetMib, first, walk, processes, failures } = many;
    const within = `${functions} functions within ${budgetMib} MiB`;
    row(`first calls of ${within}, ms`, "", times(first));
    row(`${walk.calls} calls at random of ${within}, ms`, "", times(walk));
    row(`processes of ${within}`, "", String(processes));
    row(`failed calls of ${within}`, "0", String(failures));
  }
  if (bytesPerToken !== null) {
    row("server's memory for a token, bytes", "200", bytesPerToken.toFixed(0));
  }
  return [...lines, ""];
}

function neighbourLines(
  { alone, besideIdleLoop, beside, hostile }: Neighbours,
): string[] {
  const ratio = (of: Times) => (beside.p99 / of.p99).toFixed(2);
  const row = (name: string, of: Times) =>
    `| ${name} | ${of.p50.toFixed(2)} | ${
      of.p99.toFixed(2)
    } | ${of.calls} | ${of.failed} |`;
  const calls = Object.entries(hostile).map(([name, count]) =>
    `${name} ${count}`
  );
  return [
    "## A function beside hostile ones",
    "",
    "| the function | p50, ms | p99, ms | calls | failed |",
    "|---|---|---|---|---|",
    row("alone", alone),
    row("beside an endless loop of the class SCHED_IDLE", besideIdleLoop),
    row("beside an endless loop, an allocation and a crash", beside),
    "",
    `p99 beside hostile functions to p99 alone: ${
      ratio(alone)
    } (at most 2 is wanted), to p99 beside the loop that only`,
    `takes what others leave: ${
      ratio(besideIdleLoop)
    }. Answers of the hostile ones: ${calls.join(", ")}.`,
    "",
  ];
}

async function describeMachine(): Promise<string> {
  const model =
    (await Deno.readTextFile("/proc/cpuinfo")).match(/model name\s*: (.*)/)
      ?.[1] ?? "unknown processor";
  const kernel = (await run("uname", ["-sr"])).trim();
  return `${navigator.hardwareConcurrency} cores of ${model}, ${kernel}, Deno ${Deno.version.deno}.`;
}
