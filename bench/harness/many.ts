/** Measures more functions than fit into memory: idle processes are evicted to start other functions. */
import { DatabaseSync } from "node:sqlite";
import { timed } from "./call.ts";
import { Jelou } from "./jelou.ts";
import { percentile, type Request } from "./load.ts";
import { BODY } from "./peers.ts";
import { family } from "./process.ts";
import { ulid } from "./ulid.ts";
import { FUNCTION } from "./work.ts";

export interface Many {
  functions: number;
  /** Maximum memory of all function processes, in MiB. */
  budgetMib: number;
  /** Milliseconds of the first call of each function, and of calls to random functions. */
  first: { p50: number; p99: number };
  walk: { p50: number; p99: number; calls: number };
  /** Number of running processes at the end. */
  processes: number;
  /** Number of failed calls. */
  failures: number;
}

export async function measureMany(
  functions = Number(Deno.env.get("FUNCTIONS") ?? 1_000),
): Promise<Many> {
  const calls = Number(Deno.env.get("WALK") ?? 2 * functions);
  const half = Deno.systemMemoryInfo().total / 2 / 1024 / 1024;
  const budgetMib = Number(Deno.env.get("BUDGET_MIB") ?? Math.floor(half));
  let server = await Jelou.start({
    JELOU_LIMITS__MAX_WORKERS_MEMORY_MIB: String(budgetMib),
  });
  try {
    await server.deploy("funcion", FUNCTION, BODY);
    copyFunction(server.database, functions);
    server = await server.restart();
    const all: Request[] = [];
    for (let number = 0; number < functions; number++) {
      const slug = `funcion-${number}`;
      all.push(server.request(slug, await server.newToken(slug), BODY));
    }
    const first = await measure(all);
    const walk = await measure(atRandom(all, calls));
    return {
      functions,
      budgetMib,
      first,
      walk: { ...walk, calls },
      processes: family(server.pid).length - 1,
      failures: first.failures + walk.failures,
    };
  } finally {
    await server.stop();
  }
}

async function measure(calls: Iterable<Request>) {
  const times: number[] = [];
  let failures = 0;
  for (const call of calls) {
    try {
      times.push(await timed(call));
    } catch (error) {
      failures++;
      console.error(error);
    }
  }
  return {
    p50: percentile(times, 50),
    p99: percentile(times, 99),
    failures,
  };
}

/** Copies the only function in the database under other names, so that it is built only once. */
function copyFunction(path: string, count: number): void {
  const database = new DatabaseSync(path);
  const functions = database.prepare(
    `INSERT INTO functions (id, slug, name, live_deployment_id, created_at, updated_at)
     SELECT ?1, ?2, name, NULL, created_at, updated_at FROM functions WHERE slug = 'funcion'`,
  );
  const copied = (database.prepare("PRAGMA table_info(deployments)").all() as {
    name: string;
  }[]).map(({ name }) => name).filter((name) =>
    name !== "id" && name !== "function_id"
  ).join(", ");
  const deployments = database.prepare(
    `INSERT INTO deployments (id, function_id, ${copied}) SELECT ?1, ?2, ${copied} FROM deployments
     WHERE function_id = (SELECT id FROM functions WHERE slug = 'funcion')`,
  );
  const live = database.prepare(
    "UPDATE functions SET live_deployment_id = ? WHERE id = ?",
  );
  database.exec("BEGIN");
  for (let number = 0; number < count; number++) {
    const [id, deployment] = [`func_${ulid(number)}`, `dep_${ulid(number)}`];
    functions.run(id, `funcion-${number}`);
    deployments.run(deployment, id);
    live.run(deployment, id);
  }
  database.exec("COMMIT");
  database.close();
}

function* atRandom<T>(values: T[], count: number): Generator<T> {
  for (let i = 0; i < count; i++) {
    yield values[Math.floor(Math.random() * values.length)];
  }
}
