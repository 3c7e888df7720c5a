/** Measures a server with many runtime tokens. */
import { DatabaseSync } from "node:sqlite";
import { timed } from "./call.ts";
import { Jelou } from "./jelou.ts";
import { summary } from "./load.ts";
import { BODY } from "./peers.ts";
import { privateBytes } from "./process.ts";
import { ulid } from "./ulid.ts";
import { FUNCTION } from "./work.ts";

/** Functions that share the tokens. */
const FUNCTIONS = 1_000;
const CALLS = 2_000;
const LISTS = 500;
/** Tokens in a page of a list. */
const PAGE = 100;

/** What a server costs with the tokens in its database. */
export interface WithTokens {
  /** Milliseconds from the start of the process until it is ready. */
  start: number;
  /** Bytes of private memory per token, relative to a server without them. */
  bytesPerToken: number;
  /** Milliseconds of an authenticated call. */
  call: { p50: number; p99: number };
  /** Milliseconds of the first page of a list of one function's tokens. */
  list: { p50: number; p99: number };
}

export interface Tokens {
  count: number;
  /** Tokens in a page of a list. */
  listed: number;
  without: { start: number; call: { p50: number; p99: number } };
  plain: WithTokens;
  /** All tokens have all limits, a count of their quota and a day of usage. */
  limited: WithTokens;
}

export async function measureTokens(
  count = Number(Deno.env.get("TOKENS") ?? 1_000_000),
): Promise<Tokens> {
  let server = await Jelou.start();
  const call = await server.deploy("tokens", FUNCTION, BODY);
  const accessToken = (await server.command([
    "access-tokens",
    "create",
    "--name",
    "bench",
    "--scope",
    "functions:read",
  ])).token;
  const before = await restarted();
  change((database) => insert(database, count));
  const plain = await withTokens();
  change(limit);
  const limited = await withTokens();
  await server.stop();
  const { start, call: without } = before;
  return {
    count,
    listed: Math.min(Math.ceil(count / FUNCTIONS), PAGE),
    without: { start, call: without },
    plain,
    limited,
  };

  function change(work: (database: DatabaseSync) => void): void {
    const database = new DatabaseSync(server.database);
    database.exec("BEGIN");
    work(database);
    database.exec("COMMIT");
    database.close();
  }

  /** Restarts the server, and calls the function. */
  async function restarted() {
    const started = performance.now();
    server = await server.restart();
    const start = performance.now() - started;
    const request = { ...call, url: `${server.api}/` };
    await timed(request);
    const memory = privateBytes(server.pid);
    const times: number[] = [];
    for (let i = 0; i < CALLS; i++) times.push(await timed(request));
    return { start, memory, call: summary(times) };
  }

  async function withTokens(): Promise<WithTokens> {
    const { start, memory, call } = await restarted();
    const times: number[] = [];
    for (let i = 0; i < LISTS; i++) {
      const slug = `bench-${i % FUNCTIONS}`;
      const started = performance.now();
      const response = await fetch(
        `${server.api}/v1/functions/${slug}/tokens?limit=${PAGE}`,
        { headers: { authorization: `Bearer ${accessToken}` } },
      );
      const { items } = await response.json();
      times.push(performance.now() - started);
      const all = Math.ceil((count - i % FUNCTIONS) / FUNCTIONS);
      if (items.length !== Math.min(all, PAGE)) {
        throw new Error(`${items.length} tokens of ${slug}`);
      }
    }
    return {
      start,
      bytesPerToken: (memory - before.memory) / count,
      call,
      list: summary(times),
    };
  }
}

/** Inserts functions, and tokens with random hashes that take turns in them. */
function insert(database: DatabaseSync, count: number): void {
  const functions = database.prepare(
    `INSERT INTO functions (id, slug, created_at, updated_at) VALUES (?, ?, 0, 0)`,
  );
  const ids = Array.from({ length: FUNCTIONS }, (_, number) => {
    const id = `func_${ulid(number)}`;
    functions.run(id, `bench-${number}`);
    return id;
  });
  const insert = database.prepare(
    `INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at)
     VALUES (?, ?, ?, ?, 'jfn_rt_xxxx', 'bench', 0)`,
  );
  const hash = new Uint8Array(32);
  for (let number = 0; number < count; number++) {
    crypto.getRandomValues(hash);
    const owner = ids[number % FUNCTIONS];
    insert.run(`tok_${ulid(number)}`, owner, `token-${number}`, hash);
  }
}

/** Gives all inserted tokens limits, counts and usage. */
function limit(database: DatabaseSync): void {
  const policy = JSON.stringify({
    scopes: ["invoke"],
    cidrs: ["10.0.0.0/8"],
    methods: ["POST"],
    rate: "100/m",
    quota: "1000/month",
  });
  const now = Date.now();
  const of = "WHERE created_by = 'bench'";
  database.prepare(
    `UPDATE runtime_tokens SET policy = ?, quota_start = ?, quota_calls = 7 ${of}`,
  ).run(policy, now);
  database.prepare(
    `INSERT INTO token_usage (token_id, day, kind, count)
     SELECT id, ?, 3, 7 FROM runtime_tokens ${of}`,
  ).run(Math.floor(now / 86_400_000));
}
