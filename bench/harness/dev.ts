/**
 * Measures saves of `jelou dev`, from the write of the file to the first answer of the new code, compared
 * with `deno serve --watch`.
 */
import { percentile } from "./load.ts";
import { cpu, family, freePort, privateBytes, Started } from "./process.ts";

const root = new URL("../../", import.meta.url).pathname;
const binary = Deno.env.get("JELOU") ?? `${root}target/release/jelou`;
const engine = Deno.env.get("JELOU_TEST_DATA") ?? `${root}target/engine`;

/** The line of the function that each save changes. */
const MARKED = "return { mensaje: ";
/** Milliseconds between saves, so that a save does not overlap the previous one. */
const PAUSE_MS = 300;
const IDLE_MS = 5_000;
const PATIENCE_MS = 30_000;

export interface Dev {
  /** Milliseconds from the start of the command. */
  listening: number;
  ready: number;
  /** Milliseconds from a save to the first answer of its code. */
  saves: Saves;
  /** The same with axios. */
  withAxios: Saves;
  /** The same edit, of a handler without schema, served by `deno serve --watch`. */
  deno: Saves;
  /** CPU seconds in five idle seconds, of the command and its processes. */
  idleCpu: number;
  /** Private MiB of the command after a tenth of the saves, and after all of them. */
  memory: { early: number; late: number };
}

export interface Saves {
  p50: number;
  p95: number;
  count: number;
}

export async function measureDev(
  count = Number(Deno.env.get("SAVES") ?? 100),
): Promise<Dev> {
  const own = await measureOwn(count, []);
  const axios = await measureOwn(Math.ceil(count / 2), ["axios@1.21.1"]);
  const deno = await measureDeno(Math.ceil(count / 2));
  for (
    const [name, { p50, p95 }] of Object.entries({
      "jelou dev": own.saves,
      "with axios": axios.saves,
      "deno serve --watch": deno,
    })
  ) {
    console.error(
      `${name}: save to serve p50 ${p50.toFixed(0)} ms, p95 ${
        p95.toFixed(0)
      } ms`,
    );
  }
  return { ...own, withAxios: axios.saves, deno };
}

async function measureOwn(count: number, packages: string[]) {
  const dir = await Deno.makeTempDir();
  await Deno.chmod(dir, 0o711);
  const project = `${dir}/mi-funcion`;
  await Deno.mkdir(project);
  const imports = packages.map((name) => `import "npm:${name}";\n`).join("");
  const source = imports +
    await Deno.readTextFile(`${root}examples/mi-funcion/index.ts`);
  await Deno.writeTextFile(`${project}/index.ts`, source);
  // The first start of a machine compiles and downloads; it is not measured.
  const first = await Serving.start(project);
  await first.stop();
  const serving = await Serving.start(project);
  const { listening, ready } = serving;
  const times: number[] = [];
  let early = 0;
  for (let number = 1; number <= count; number++) {
    await pause(PAUSE_MS);
    times.push(
      await timeOf(
        () =>
          Deno.writeTextFile(
            `${project}/index.ts`,
            source.replace(MARKED, `${MARKED}"v${number} " + `),
          ),
        () => serving.call(),
        `v${number} `,
      ),
    );
    if (number === Math.ceil(count / 10)) {
      early = privateBytes(serving.pid);
    }
  }
  const late = privateBytes(serving.pid);
  await pause(PAUSE_MS);
  const before = cpu(family(serving.pid));
  await pause(IDLE_MS);
  const idleCpu = cpu(family(serving.pid)) - before;
  await serving.stop();
  await Deno.remove(dir, { recursive: true });
  const mib = (bytes: number) => bytes / 1024 / 1024;
  return {
    listening,
    ready,
    saves: summary(times),
    idleCpu,
    memory: { early: mib(early), late: mib(late) },
  };
}

/** A running `jelou dev`. */
class Serving {
  private constructor(
    private readonly process: Started,
    private readonly url: string,
    readonly listening: number,
    readonly ready: number,
  ) {}

  static async start(project: string): Promise<Serving> {
    const port = freePort();
    const began = performance.now();
    const process = new Started(binary, [
      "dev",
      project,
      "--port",
      String(port),
      "--json",
      "--data",
      engine,
    ]);
    const url = `http://127.0.0.1:${port}/`;
    const listening = await until(() => connects(port)) - began;
    const ready = await until(async () => (await answer(url)) !== "") - began;
    return new Serving(process, url, listening, ready);
  }

  get pid(): number {
    return this.process.pid;
  }

  call(): Promise<string> {
    return answer(this.url);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

async function measureDeno(count: number): Promise<Saves> {
  const dir = await Deno.makeTempDir();
  const file = `${dir}/main.ts`;
  const source = (number: number) =>
    `export default { fetch: () => new Response("v${number} ") };\n`;
  await Deno.writeTextFile(file, source(0));
  const port = freePort();
  const process = new Started(Deno.execPath(), [
    "serve",
    "--watch",
    "--quiet",
    "--port",
    String(port),
    file,
  ], { env: { DENO_NO_UPDATE_CHECK: "1" } });
  const call = () => answer(`http://127.0.0.1:${port}/`);
  await until(async () => (await call()) !== "");
  const times: number[] = [];
  for (let number = 1; number <= count; number++) {
    await pause(PAUSE_MS);
    times.push(
      await timeOf(
        () => Deno.writeTextFile(file, source(number)),
        call,
        `v${number} `,
      ),
    );
  }
  await process.stop();
  await Deno.remove(dir, { recursive: true });
  return summary(times);
}

/** Milliseconds from a save to the first answer that has the text. */
async function timeOf(
  save: () => Promise<void>,
  call: () => Promise<string>,
  text: string,
): Promise<number> {
  const began = performance.now();
  await save();
  return await until(async () => (await call()).includes(text)) - began;
}

/** The time at which the attempt succeeds. */
async function until(attempt: () => Promise<boolean>): Promise<number> {
  const end = performance.now() + PATIENCE_MS;
  while (!await attempt()) {
    if (performance.now() > end) throw new Error("waited in vain");
    await pause(2);
  }
  return performance.now();
}

async function connects(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

/** The body of a successful answer, or an empty text. */
async function answer(url: string): Promise<string> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ telefono: "593987654321" }),
    });
    const text = await response.text();
    return response.ok ? text : "";
  } catch {
    return "";
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function summary(times: number[]): Saves {
  return {
    p50: percentile(times, 50),
    p95: percentile(times, 95),
    count: times.length,
  };
}
