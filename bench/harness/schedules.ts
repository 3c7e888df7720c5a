/** Measures how long after their due times scheduled runs start. */
import { Jelou } from "./jelou.ts";
import { summary } from "./load.ts";
import { wait } from "./paced.ts";

export interface Schedules {
  functions: number;
  /** Milliseconds from the due time to the start. */
  lateness: { p50: number; p99: number; count: number };
  /** Number of runs that were missed or failed. */
  failed: number;
}

interface Run {
  dueAt: string;
  startedAt?: string;
  state: string;
}

const MINUTE_MS = 60_000;
const SOURCE = `import { define } from "@jelou/functions";
export default define({
  description: "Runs each minute",
  config: { cron: [{ expression: "* * * * *" }] },
  handler: () => ({}),
});
`;

/** Every function has a schedule that is due each minute, so all functions are due at once. */
export async function measureSchedules(
  functions = Number(Deno.env.get("SCHEDULED") ?? 20),
  minutes = Number(Deno.env.get("MINUTES") ?? 5),
): Promise<Schedules> {
  const server = await Jelou.start();
  const project = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${project}/index.ts`, SOURCE);
    for (let number = 0; number < functions; number++) {
      const settings = { function: `cada-minuto-${number}` };
      await Deno.writeTextFile(
        `${project}/jelou.json`,
        JSON.stringify(settings),
      );
      await server.command(["deploy", "-y"], project);
    }
    const begin = Date.now();
    await wait(minutes * MINUTE_MS);
    const runs: Run[] = [];
    for (let number = 0; number < functions; number++) {
      const slug = `cada-minuto-${number}`;
      runs.push(...await server.command(["cron", "logs", slug]));
    }
    const counted = runs.filter(({ dueAt, state }) =>
      Date.parse(dueAt) > begin && state !== "RUNNING"
    );
    const late = counted.flatMap(({ dueAt, startedAt }) =>
      startedAt ? [Date.parse(startedAt) - Date.parse(dueAt)] : []
    );
    return {
      functions,
      lateness: summary(late),
      failed: counted.filter(({ state }) => state !== "OK").length,
    };
  } finally {
    await server.stop();
    await Deno.remove(project, { recursive: true });
  }
}
