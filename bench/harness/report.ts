/** Writes the report. The ratios come first. */
import { MANY_CALLS, ONE_CALL, REFUSED_CALL } from "../work/requests.ts";
import type { Deployments } from "./deployments.ts";
import type { Dev, Saves } from "./dev.ts";
import type { Many } from "./many.ts";
import type { Packages } from "./packages.ts";
import type { Neighbours } from "./neighbours.ts";
import type { Times } from "./paced.ts";
import { run } from "./process.ts";
import {
  type Figures,
  medianOf,
  medianOfPairs,
  type Round,
  type Settings,
} from "./rounds.ts";
import type { Schedules } from "./schedules.ts";
import type { Starts } from "./starts.ts";
import type { Tokens } from "./tokens.ts";

/** Measurements of this server alone. `null` if they were not run. */
export interface Own {
  starts: Starts | null;
  packages: Packages | null;
  /** Private memory of an idle function, in MiB. */
  idle: number | null;
  dev: Dev | null;
  deployments: Deployments | null;
  schedules: Schedules | null;
  many: Many | null;
  tokens: Tokens | null;
  neighbours: Neighbours | null;
}

const results = new URL("../results/", import.meta.url).pathname;

/** Writes `results/<name>.md` and `results/<name>.json`. */
export async function writeReport(
  name: string,
  figures: Figures[],
  own: Own,
  settings: Settings,
): Promise<void> {
  const machine = await describeMachine();
  await Deno.mkdir(results, { recursive: true });
  const date = new Date().toISOString().slice(0, 10);
  await Deno.writeTextFile(
    `${results}${name}.json`,
    JSON.stringify(
      {
        date,
        machine,
        settings,
        ratios: ratios(figures),
        figures: figures.map(medians),
        ...own,
      },
      null,
      2,
    ) + "\n",
  );
  const lines = [`# Benchmark of ${date}`, "", machine, ""];
  if (figures.length > 0) {
    lines.push(
      `${settings.sets} times ${settings.rounds} rounds of ${settings.seconds} s for each peer, in turns. A figure is the median of its`,
      "rounds, a ratio that of the ratios of each round.",
      "",
      ...ratioLines(figures),
      ...figureLines(figures),
    );
  }
  lines.push(
    ...targetLines(figures, own),
    ...(own.neighbours ? neighbourLines(own.neighbours) : []),
  );
  await Deno.writeTextFile(`${results}${name}.md`, lines.join("\n") + "\n");
  const files = [`${results}${name}.json`, `${results}${name}.md`];
  await run(Deno.execPath(), ["fmt", "--quiet", ...files]);
  console.log(lines.join("\n"));
}

function medians(row: Figures): Record<string, string | number> {
  const { work, peer, memory } = row;
  const of = (key: keyof Round) => medianOf(row, key);
  return {
    work,
    peer,
    rate: of("rate"),
    p50: of("p50"),
    p99: of("p99"),
    frontCpu: of("frontCpu"),
    allCpu: of("allCpu"),
    memory,
  };
}

function ratio(own: Figures, other: Figures, key: keyof Round): number {
  return medianOfPairs(own, other, (a, b) => a[key] / b[key]);
}

const COMPARED = ["rate", "frontCpu", "p50"] as const;

/** Computes the ratios of this server to each peer. */
function ratios(figures: Figures[]) {
  return figures.flatMap((row) => {
    const own = find(figures, row.work, "jelou");
    if (row.peer === "jelou" || !own) return [];
    const [rate, frontCpu, p50] = COMPARED.map((key) => ratio(own, row, key));
    return [{ work: row.work, peer: row.peer, rate, frontCpu, p50 }];
  });
}

function ratioLines(figures: Figures[]): string[] {
  const lines = [
    "## Ratios to each peer",
    "",
    "| work | peer | calls/s | CPU in front, per call | p50 |",
    "|---|---|---|---|---|",
  ];
  for (const row of ratios(figures)) {
    const cells = COMPARED.map((key) => row[key].toFixed(2));
    lines.push(`| ${row.work} | ${row.peer} | ${cells.join(" | ")} |`);
  }
  return [...lines, ""];
}

function find(
  figures: Figures[],
  work: string,
  peer: string,
): Figures | undefined {
  return figures.find((row) => row.work === work && row.peer === peer);
}

function figureLines(figures: Figures[]): string[] {
  const lines = [
    "## Figures",
    "",
    "| work | peer | calls/s | p50, us | p99, us | CPU in front, us | CPU in all, us | private memory, MiB |",
    "|---|---|---|---|---|---|---|---|",
  ];
  for (const row of figures) {
    const cells = (["rate", "p50", "p99"] as const)
      .map((key) => Math.round(medianOf(row, key)));
    const rest = [
      medianOf(row, "frontCpu"),
      medianOf(row, "allCpu"),
      row.memory,
    ].map((value) => value.toFixed(1));
    lines.push(
      `| ${row.work} | ${row.peer} | ${[...cells, ...rest].join(" | ")} |`,
    );
  }
  return [...lines, ""];
}

type Row = [what: string, target: string, measured: string];

function targetLines(figures: Figures[], own: Own): string[] {
  return [
    "## Against its targets",
    "",
    "| what | target | measured |",
    "|---|---|---|",
    ...[...peerTargets(figures), ...ownTargets(own)]
      .map((row) => `| ${row.join(" | ")} |`),
    "",
  ];
}

function peerTargets(figures: Figures[]): Row[] {
  const of = (work: string, peer: string) => find(figures, work, peer);
  const rows: Row[] = [];
  const against = (
    work: string,
    peer: string,
    key: "rate" | "frontCpu",
    target: string,
  ) => {
    const [own, other] = [of(work, "jelou"), of(work, peer)];
    const what = key === "rate" ? "calls/s" : "CPU in front";
    if (!own || !other) return;
    rows.push([
      `${work}: ${what}, to ${peer}`,
      target,
      ratio(own, other, key).toFixed(2),
    ]);
  };
  against(MANY_CALLS, "nginx", "rate", "at least 1.15");
  against(MANY_CALLS, "deno", "rate", "at least 0.6");
  against(MANY_CALLS, "nginx", "frontCpu", "at most 1");
  const [own, nginx, deno] = ["jelou", "nginx", "deno"]
    .map((peer) => of(ONE_CALL, peer));
  if (own && nginx && deno) {
    const added = (to: Figures) =>
      medianOfPairs(to, deno, (a, b) => a.p50 - b.p50);
    rows.push([
      `${ONE_CALL}: p50 added to deno's, to what nginx adds`,
      "at most 1",
      `${(added(own) / added(nginx)).toFixed(2)} (${
        added(own).toFixed(0)
      } and ${added(nginx).toFixed(0)} us)`,
    ]);
  }
  against(REFUSED_CALL, "nginx", "rate", "at least 1");
  against(REFUSED_CALL, "nginx", "frontCpu", "at most 0.8");
  return rows;
}

function ownTargets(
  {
    starts,
    packages,
    idle,
    dev,
    deployments,
    schedules,
    many,
    tokens,
  }: Own,
): Row[] {
  const rows: Row[] = [];
  const row = (...row: Row) => rows.push(row);
  const times = ({ p50, p99 }: { p50: number; p99: number }) =>
    `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}`;
  if (starts) {
    const { pooled, fromNothing, callsAfterRevocation } = starts;
    row("cold start, blank worker ready, ms", "p50 8, p99 30", times(pooled));
    row("cold start, from nothing, ms", "p50 60", times(fromNothing));
    row("calls that a revoked token opened", "0", String(callsAfterRevocation));
  }
  for (const start of packages?.starts ?? []) {
    const mb = (start.bundleBytes / 1_000_000).toFixed(1);
    const times = `${start.own.toFixed(0)} and ${start.deno.toFixed(0)} ms`;
    row(
      `cold start of ${start.package}, ${mb} MB, to plain Deno`,
      "at most 0.9",
      `${start.ratio.toFixed(2)} (${times})`,
    );
  }
  if (packages) {
    const what = "private memory of an idle function with twilio, MiB";
    row(what, "57 (60 MB)", packages.idle.toFixed(1));
  }
  if (idle !== null) {
    row("private memory of an idle function, MiB", "20", idle.toFixed(1));
  }
  if (dev) {
    const saves = ({ p50, p95 }: Saves) =>
      `p50 ${p50.toFixed(0)}, p95 ${p95.toFixed(0)}`;
    row(
      "save to new code in jelou dev, ms",
      "p50 100, p95 250",
      saves(dev.saves),
    );
    row("the same with axios, ms", "p50 250, p95 400", saves(dev.withAxios));
    row("the same edit in deno serve --watch, ms", "", saves(dev.deno));
    row("jelou dev until it listens, ms", "30", dev.listening.toFixed(0));
    row("jelou dev until the first answer, ms", "300", dev.ready.toFixed(0));
    row("CPU seconds of five idle ones", "0", dev.idleCpu.toFixed(2));
    const { early, late } = dev.memory;
    row(
      "private memory of jelou dev, early and late, MiB",
      "within 5 %",
      `${early.toFixed(1)} and ${late.toFixed(1)}`,
    );
  }
  if (deployments) {
    const { alone, besideIdleLoop, firstAnswer, deploy } = deployments;
    const { throughRollbacks, throughDeploys } = deployments;
    const calls = [alone, throughRollbacks, throughDeploys];
    const failed = calls.map(({ failed }) => failed).join(", ");
    const compared = ({ p99 }: Times) => {
      const [to, toBusy] = [alone, besideIdleLoop].map((of) =>
        (p99 / of.p99).toFixed(2)
      );
      return `${to}; ${toBusy} to the one with busy cores`;
    };
    row(
      `first answer of ${firstAnswer.count} rollbacks, ms`,
      "p99 50",
      times(firstAnswer),
    );
    row(
      "p99 of calls through rollbacks, to the one without",
      "at most 1.5",
      compared(throughRollbacks),
    );
    row(
      "p99 of calls through deploys, to the one without",
      "at most 1.5",
      compared(throughDeploys),
    );
    row("failed calls without, through rollbacks and deploys", "0", failed);
    row(`time of ${deploy.count} deploys, ms`, "", times(deploy));
  }
  if (schedules) {
    const { functions, lateness, failed } = schedules;
    row(
      `start after the due time, ${functions} functions at once, ms`,
      "p99 100",
      times(lateness),
    );
    row("runs missed or failed", "0", `${failed} of ${lateness.count}`);
  }
  if (many) {
    const { functions, budgetMib, first, walk, processes, failures } = many;
    const within = `${functions} functions within ${budgetMib} MiB`;
    row(`first calls of ${within}, ms`, "", times(first));
    row(`${walk.calls} calls at random of ${within}, ms`, "", times(walk));
    row(`processes of ${within}`, "", String(processes));
    row(`failed calls of ${within}`, "0", String(failures));
  }
  if (tokens) {
    const { count, listed, without } = tokens;
    const ms = ({ p50, p99 }: { p50: number; p99: number }) =>
      `p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}`;
    row("start without tokens, ms", "", without.start.toFixed(0));
    row("a call without tokens, ms", "", ms(without.call));
    for (const kind of ["plain", "limited"] as const) {
      const { start, bytesPerToken, call, list } = tokens[kind];
      const among = `${count} ${kind} tokens`;
      const target = kind === "plain" ? "200" : "";
      row(`start with ${among}, ms`, "", start.toFixed(0));
      row(
        `memory for each of ${among}, bytes`,
        target,
        bytesPerToken.toFixed(0),
      );
      row(`a call among ${among}, ms`, "as without", ms(call));
      row(`a page of ${listed} of ${among}, ms`, "p99 50", ms(list));
    }
  }
  return rows;
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
