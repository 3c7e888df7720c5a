/** Starts a server with a temporary data folder. */
import { run, Started } from "./process.ts";
import type { Request } from "./load.ts";

const root = new URL("../../", import.meta.url).pathname;
const binary = Deno.env.get("JELOU") ?? `${root}target/release/jelou`;
const engine = Deno.env.get("JELOU_TEST_DATA") ?? `${root}target/engine`;

/** Variables that this machine may need to reach the npm registry. */
const REGISTRY = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "NPM_CONFIG_REGISTRY",
  "SSL_CERT_FILE",
];

interface Ready {
  process: Started;
  api: string;
}

export class Jelou {
  private constructor(
    private readonly ready: Ready,
    private readonly dir: string,
    private readonly environment: Record<string, string>,
  ) {}

  static async start(environment: Record<string, string> = {}): Promise<Jelou> {
    const dir = await Deno.makeTempDir();
    await Deno.chmod(dir, 0o711);
    await Deno.mkdir(`${dir}/data/engine`, { recursive: true });
    await Deno.mkdir(`${dir}/home`);
    for await (const file of Deno.readDir(`${engine}/engine`)) {
      await Deno.copyFile(
        `${engine}/engine/${file.name}`,
        `${dir}/data/engine/${file.name}`,
      );
    }
    return new Jelou(await serve(dir, environment), dir, environment);
  }

  /** Restarts the server on the same data folder. */
  async restart(): Promise<Jelou> {
    await this.ready.process.stop();
    const ready = await serve(this.dir, this.environment);
    return new Jelou(ready, this.dir, this.environment);
  }

  get pid(): number {
    return this.ready.process.pid;
  }

  get api(): string {
    return this.ready.api;
  }

  /**
   * The path of the database, for rows that would take too long to create through the management API. Write only while
   * nothing else changes the database.
   */
  get database(): string {
    return `${this.dir}/data/jelou.db`;
  }

  // deno-lint-ignore no-explicit-any
  async command(args: string[], cwd?: string): Promise<any> {
    const env = { HOME: `${this.dir}/home` };
    return JSON.parse(await run(binary, [...args, "--json"], { env, cwd }))
      .data;
  }

  /** Returns the path of the only function's bundle. */
  async bundle(): Promise<string> {
    const folder = `${this.dir}/data/artifacts`;
    for await (const { name } of Deno.readDir(folder)) {
      if (name.endsWith(".js")) return `${folder}/${name}`;
    }
    throw new Error("there is no function");
  }

  /** Deploys one file with npm packages as a function. Returns an authenticated request to it. */
  async deploy(
    slug: string,
    file: string,
    body: string,
    packages: string[] = [],
  ): Promise<Request> {
    const project = await Deno.makeTempDir();
    await Deno.copyFile(file, `${project}/index.ts`);
    await Deno.writeTextFile(
      `${project}/jelou.json`,
      JSON.stringify({ function: slug }),
    );
    const imports = packages.map((name) => [
      name.slice(0, name.lastIndexOf("@")),
      `npm:${name}`,
    ]);
    await Deno.writeTextFile(
      `${project}/deno.json`,
      JSON.stringify({ imports: Object.fromEntries(imports) }),
    );
    const { token } = await this.command(["deploy", "-y"], project);
    await Deno.remove(project, { recursive: true });
    return this.request(slug, token, body);
  }

  async newToken(slug: string): Promise<string> {
    const args = ["tokens", "create", slug, "--name", "bench"];
    return (await this.command(args)).token;
  }

  request(slug: string, token: string, body: string): Request {
    return {
      url: `${this.api}/`,
      headers: {
        Host: `${slug}.fn.localhost:${new URL(this.api).port}`,
        "x-jelou-token": token,
        "content-type": "application/json",
      },
      body,
    };
  }

  async stop(): Promise<void> {
    await this.ready.process.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}

async function serve(
  dir: string,
  environment: Record<string, string>,
): Promise<Ready> {
  const process = new Started(binary, [
    "serve",
    "--listen",
    "127.0.0.1:0",
    "--data",
    `${dir}/data`,
    "--json",
  ], {
    clearEnv: true,
    env: {
      PATH: Deno.env.get("PATH") ?? "",
      HOME: `${dir}/home`,
      JELOU_LOG: "error",
      ...Object.fromEntries(
        REGISTRY.flatMap((name) => {
          const value = Deno.env.get(name);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
      ...environment,
    },
    stdout: "piped",
  });
  const reader = process.stdout.getReader();
  let line = "";
  while (!line.includes("\n")) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the server ended");
    line += new TextDecoder().decode(value);
  }
  reader.releaseLock();
  return { process, api: JSON.parse(line).data.api };
}
