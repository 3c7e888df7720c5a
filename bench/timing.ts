/**
 * Tests whether the time of a refusal reveals why a token was refused. Sends every kind of bad token in turns
 * on one kept connection, and compares the times of each kind with the times of all others
 * (Kolmogorov-Smirnov).
 *
 * @module
 */
import { Jelou } from "./harness/jelou.ts";
import { percentile } from "./harness/load.ts";
import { endAll } from "./harness/process.ts";
import { FUNCTION } from "./harness/work.ts";

const ROUNDS = Number(Deno.env.get("ROUNDS") ?? 20_000);
const WARM_UP = 500;
/** The probability of a false alarm, over all kinds together. */
const SIGNIFICANCE = 0.01;

const BODY = "{}";

async function badTokens(server: Jelou): Promise<Record<string, string>> {
  const create = async (slug: string, name: string): Promise<string> => {
    const args = ["tokens", "create", slug, "--name", name];
    return (await server.command(args)).token;
  };
  await server.deploy("one", FUNCTION, BODY);
  await server.deploy("other", FUNCTION, BODY);
  const [revoked, disabled, expired, valid] = [
    await create("one", "revoked"),
    await create("one", "disabled"),
    await server.command([
      "tokens",
      "create",
      "one",
      "--name",
      "expired",
      "--expires-in",
      "1s",
    ]),
    await create("one", "valid"),
  ];
  await server.command(["tokens", "revoke", "one", "revoked", "-y"]);
  await server.command(["tokens", "disable", "one", "disabled", "-y"]);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  // The server keeps no tokens of a deleted function.
  await server.command(["functions", "create", "--slug", "gone"]);
  const unknown = await create("gone", "unknown");
  await server.command(["functions", "delete", "gone", "-y"]);
  const last = valid.at(-1) === "0" ? "1" : "0";
  return {
    "revoked": revoked,
    "disabled": disabled,
    "expired": expired.token,
    "of another function": await create("other", "theirs"),
    "unknown": unknown,
    "wrong checksum": valid.slice(0, -1) + last,
    "wrong alphabet": `${valid.slice(0, -1)}-`,
  };
}

/** Returns the largest distance of two distribution functions, and the probability of a larger one by chance. */
function compare(a: number[], b: number[]): { distance: number; p: number } {
  const [x, y] = [a, b].map((values) => Float64Array.from(values).sort());
  let [i, j, distance] = [0, 0, 0];
  while (i < x.length && j < y.length) {
    const value = Math.min(x[i], y[j]);
    while (i < x.length && x[i] <= value) i++;
    while (j < y.length && y[j] <= value) j++;
    distance = Math.max(distance, Math.abs(i / x.length - j / y.length));
  }
  const size = Math.sqrt(x.length * y.length / (x.length + y.length));
  const lambda = (size + 0.12 + 0.11 / size) * distance;
  let p = 0;
  for (let k = 1; k <= 100; k++) {
    p += 2 * (-1) ** (k - 1) * Math.exp(-2 * (k * lambda) ** 2);
  }
  return { distance, p: Math.min(1, Math.max(0, lambda < 0.2 ? 1 : p)) };
}

/** A connection that sends each request after the previous answer. */
class Connection {
  readonly #buffer = new Uint8Array(4096);

  private constructor(
    private readonly connection: Deno.TcpConn,
    private readonly host: string,
  ) {}

  static async open(api: string): Promise<Connection> {
    const { hostname, port } = new URL(api);
    const connection = await Deno.connect({ hostname, port: Number(port) });
    connection.setNoDelay(true);
    return new Connection(connection, `one.fn.localhost:${port}`);
  }

  /** Returns the microseconds until the answer is complete. */
  async refused(token: string): Promise<number> {
    const request = new TextEncoder().encode(
      `GET / HTTP/1.1\r\nhost: ${this.host}\r\nx-jelou-token: ${token}\r\n\r\n`,
    );
    const started = performance.now();
    await this.connection.write(request);
    const length = await this.connection.read(this.#buffer);
    const took = (performance.now() - started) * 1_000;
    const answer = new TextDecoder().decode(
      this.#buffer.subarray(0, length ?? 0),
    );
    if (!answer.startsWith("HTTP/1.1 401") || !answer.endsWith("}")) {
      throw new Error(answer);
    }
    return took;
  }

  close(): void {
    this.connection.close();
  }
}

try {
  const server = await Jelou.start();
  const tokens = await badTokens(server);
  const kinds = Object.keys(tokens);
  const times: Record<string, number[]> = Object.fromEntries(
    kinds.map((kind) => [kind, []]),
  );
  const connection = await Connection.open(server.api);
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    // In a different order each time, so that no kind always follows the same kind.
    const order = kinds.map((kind) => ({ kind, at: Math.random() })).sort((
      a,
      b,
    ) => a.at - b.at);
    for (const { kind } of order) {
      const took = await connection.refused(tokens[kind]);
      if (round >= 0) times[kind].push(took);
    }
  }
  connection.close();
  await server.stop();
  console.log(
    `${ROUNDS} refusals of each kind, in turns on one connection; microseconds`,
  );
  console.log("| kind | p50 | p99 | distance to the others | p |");
  console.log("|---|---|---|---|---|");
  let differs = 0;
  for (const kind of kinds) {
    const others = kinds.filter((other) => other !== kind).flatMap((other) =>
      times[other]
    );
    const { distance, p } = compare(times[kind], others);
    if (p < SIGNIFICANCE / kinds.length) differs++;
    const [p50, p99] = [50, 99].map((percent) =>
      percentile(times[kind], percent).toFixed(1)
    );
    console.log(
      `| ${kind} | ${p50} | ${p99} | ${distance.toFixed(4)} | ${
        p.toFixed(3)
      } |`,
    );
  }
  console.log(
    differs === 0
      ? "No kind can be told apart."
      : `${differs} kinds can be told apart.`,
  );
  if (differs > 0) Deno.exitCode = 1;
} finally {
  endAll();
}
