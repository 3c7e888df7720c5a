/** Measures the server's memory per runtime token. */
import { DatabaseSync } from "node:sqlite";
import { send } from "./call.ts";
import { Jelou } from "./jelou.ts";
import { BODY } from "./peers.ts";
import { privateBytes } from "./process.ts";
import { ulid } from "./ulid.ts";
import { FUNCTION } from "./work.ts";

/**
 * Returns the bytes of private memory per token: the difference between a server with `count` tokens and one without,
 * divided by `count`.
 */
export async function memoryPerToken(
  count = Number(Deno.env.get("TOKENS") ?? 1_000_000),
): Promise<number> {
  let server = await Jelou.start();
  const call = await server.deploy("tokens", FUNCTION, BODY);
  const without = await restarted();
  const tokens = new DatabaseSync(server.database);
  insert(tokens, count);
  tokens.close();
  const withThem = await restarted();
  await server.stop();
  return (withThem - without) / count;

  /** Restarts the server, calls the function once and returns the private memory. */
  async function restarted(): Promise<number> {
    server = await server.restart();
    const response = await send({ ...call, url: `${server.api}/` });
    await response.body?.cancel();
    if (response.status !== 200) {
      throw new Error(`a call among the tokens answered ${response.status}`);
    }
    return privateBytes(server.pid);
  }
}

/** Inserts tokens with random hashes for the only function. */
function insert(database: DatabaseSync, count: number): void {
  const { id } = database.prepare("SELECT id FROM functions").get() as {
    id: string;
  };
  const insert = database.prepare(
    `INSERT INTO runtime_tokens (id, function_id, name, hash, prefix, created_by, created_at)
     VALUES (?, ?, ?, ?, 'jfn_rt_xxxx', 'bench', 0)`,
  );
  database.exec("BEGIN");
  const hash = new Uint8Array(32);
  for (let number = 0; number < count; number++) {
    crypto.getRandomValues(hash);
    insert.run(`tok_${ulid(number)}`, id, `token-${number}`, hash);
  }
  database.exec("COMMIT");
}
