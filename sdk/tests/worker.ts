/**
 * Runs the real worker like the engine: `dist/worker.js` in a Deno process, over its unix socket.
 *
 * @module
 */
import { type Facts, factsLine } from "./facts.ts";
import type { LoadMessage, LoadResult } from "../src/worker/load_message.ts";

const dist = new URL("../dist/", import.meta.url);

/** One line of the worker's log. */
export interface LogLine {
  readonly requestId: string | null;
  readonly function: string | null;
  readonly company: string | null;
  readonly timestamp: string;
  readonly level: string;
  // deno-lint-ignore no-explicit-any -- tests look into whatever was logged
  readonly args: any[];
}

/** The options for the start of a worker. */
export interface WorkerOptions {
  /** The egress socket. By default there is none. */
  readonly egressSocket?: string;
  /** Whether the worker has network access. Inspect mode has none. */
  readonly network?: boolean;
  /** The addresses that the worker cannot connect to. By default there are none. */
  readonly denied?: readonly string[];
  /** The limit of open files. The default is the limit of the test process. */
  readonly openFiles?: number;
}

/** A running worker. */
export class Worker implements AsyncDisposable {
  readonly folder: string;
  readonly #process: Deno.ChildProcess;
  readonly #client: Deno.HttpClient;
  readonly #lines: string[] = [];
  readonly #egressSocket: string | null;
  #arrived: (() => void)[] = [];
  #stderr = "";
  readonly #reading: Promise<unknown>;

  private constructor(folder: string, process: Deno.ChildProcess, egressSocket: string | null) {
    this.folder = folder;
    this.#process = process;
    this.#egressSocket = egressSocket;
    this.#client = Deno.createHttpClient({ proxy: { transport: "unix", path: `${folder}/worker.sock` } });
    this.#reading = Promise.all([this.#readLines(), this.#readErrors()]);
  }

  /** Starts a blank worker and waits until it listens. */
  static async start(options: WorkerOptions = {}): Promise<Worker> {
    const folder = await Deno.makeTempDir({ prefix: "jelou-worker-" });
    await Deno.mkdir(`${folder}-files/function`, { recursive: true });
    await new Deno.Command("mkfifo", { args: [`${folder}/answers`] }).output();
    const egress = options.egressSocket === undefined ? "" : `,${options.egressSocket}`;
    const process = new Deno.Command("sh", {
      args: [
        ...["-c", `ulimit -n ${options.openFiles ?? "$(ulimit -n)"} && exec "$@"`, "sh", Deno.execPath()],
        ...[
          "run",
          "--no-config",
          "--no-lock",
          "--no-prompt",
          "--no-remote",
          "--no-npm",
          "--cached-only",
          "--quiet",
        ],
        ...["--import-map", new URL("import-map.json", dist).pathname, "--unstable-no-legacy-abort"],
        "--v8-flags=--max-old-space-size=128,--expose-gc",
        options.network === false ? `--allow-net=${sockets(folder)}` : "--allow-net",
        ...(options.denied === undefined ? [] : [`--deny-net=${options.denied}`]),
        "--allow-env=TZ",
        ...[`--allow-read=${folder}${egress},${folder}-files/function`, `--allow-write=${folder}${egress}`],
        ...[
          new URL("worker.js", dist).pathname,
          ...["worker.sock", "heartbeat.sock", "calls.sock", "answers"].map((name) => `${folder}/${name}`),
        ],
      ],
      clearEnv: true,
      cwd: `${folder}-files/function`,
      env: { DENO_DIR: `${folder}/deno`, NO_COLOR: "1", TZ: "UTC" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const worker = new Worker(folder, process, options.egressSocket ?? null);
    const ready = await worker.nextLine();
    if (ready !== '{"jelou":"ready"}') throw new Error(`the worker said ${ready}\n${worker.#stderr}`);
    return worker;
  }

  /** Starts a worker and loads a function, which must succeed. */
  static async serving(
    bundle: string,
    message: Partial<LoadMessage> = {},
    options?: WorkerOptions,
  ): Promise<Worker> {
    const worker = await Worker.start(options);
    const result = await worker.load(bundle, message);
    if (!result.ok) {
      await worker[Symbol.asyncDispose]();
      throw new Error(`${result.error.code}: ${result.error.message}\n${result.error.stack}`);
    }
    return worker;
  }

  /** The folder of the function's files. */
  get files(): string {
    return `${this.folder}-files/function`;
  }

  /** Writes the bundle and sends the load message. */
  async load(bundle: string, message: Partial<LoadMessage> = {}): Promise<LoadResult> {
    await Deno.writeTextFile(`${this.files}/index.js`, bundle);
    const body: LoadMessage = {
      mode: "serve",
      module: `file://${this.files}/index.js`,
      words: ["node:worker_threads"].filter((word) => bundle.includes(word)),
      functionSlug: "mi-funcion",
      functionId: "func_01",
      deploymentId: "dep_01",
      company: { id: "company-1", name: "Acme" },
      env: {},
      functionsDomain: "fn.localhost",
      egressSocket: this.#egressSocket,
      memory: null,
      jelou: null,
      ...message,
    };
    const response = await this.send("/__jelou/load", { method: "POST", body: JSON.stringify(body) });
    const result = await response.json();
    if (response.status !== (result.ok ? 200 : 422)) throw new Error(`load answered ${response.status}`);
    return result;
  }

  /** Sends a raw request, without the gateway's facts. */
  send(target: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type") && typeof init.body === "string") {
      headers.set("content-type", "application/json");
    }
    return fetch(`http://worker${target}`, { redirect: "manual", ...init, headers, client: this.#client });
  }

  /** Calls the function as the gateway does. */
  invoke(target: string, init: RequestInit = {}, facts: Facts = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("x-jelou-call", factsLine(facts));
    return this.send(target, { ...init, headers });
  }

  /** Calls the function with a JSON body. */
  post(input: unknown, facts: Facts = {}): Promise<Response> {
    return this.invoke("/", { method: "POST", body: JSON.stringify(input) }, facts);
  }

  /** Reads the next line of standard output. */
  async nextLine(): Promise<string> {
    while (this.#lines.length === 0) await new Promise<void>((resolve) => this.#arrived.push(resolve));
    const line = this.#lines.shift()!;
    if (line === END) throw new Error(`the worker ended\n${this.#stderr}`);
    return line;
  }

  /** Reads the next log line. */
  async nextLog(): Promise<LogLine> {
    return JSON.parse(await this.nextLine());
  }

  async #readLines(): Promise<void> {
    let rest = "";
    for await (const text of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      this.#push(...parts);
    }
    this.#push(END);
  }

  #push(...lines: string[]): void {
    this.#lines.push(...lines);
    for (const resolve of this.#arrived.splice(0)) resolve();
  }

  async #readErrors(): Promise<void> {
    for await (const text of this.#process.stderr.pipeThrough(new TextDecoderStream())) this.#stderr += text;
  }

  /** The process's id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** Resolves with the exit status of the process. */
  get ended(): Promise<Deno.CommandStatus> {
    return this.#process.status;
  }

  /** The standard error of the process so far. */
  get errors(): string {
    return this.#stderr;
  }

  /** Ends the process and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
    await this.#process.status;
    await this.#reading;
    await Deno.remove(this.folder, { recursive: true });
    await Deno.remove(`${this.folder}-files`, { recursive: true });
  }
}

/** The worker's own sockets in the form of Deno's permission flag. */
function sockets(folder: string): string {
  return ["worker", "heartbeat", "calls"].map((name) => `unix:${folder}/${name}.sock`).join(",");
}

const END = "\0end";
