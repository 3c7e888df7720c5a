/** A real server with a data folder of its own. */
import { run, Started } from "./process.ts";
import type { Request } from "./load.ts";

const root = new URL("../../", import.meta.url).pathname;
const binary = Deno.env.get("JELOU") ?? `${root}target/release/jelou`;
const engine = Deno.env.get("JELOU_TEST_DATA") ?? `${root}target/engine`;

export class Jelou {
  private constructor(
    private readonly process: Started,
    private readonly dir: string,
    readonly api: string,
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
    return new Jelou(process, dir, JSON.parse(line).data.api);
  }

  get pid(): number {
    return this.process.pid;
  }

  // deno-lint-ignore no-explicit-any
  async command(args: string[], cwd?: string): Promise<any> {
    const env = { HOME: `${this.dir}/home` };
    return JSON.parse(await run(binary, [...args, "--json"], { env, cwd }))
      .data;
  }

  /** Deploys one file as a function; answers with a call that is allowed. */
  async deploy(slug: string, file: string, body: string): Promise<Request> {
    const project = await Deno.makeTempDir();
    await Deno.copyFile(file, `${project}/index.ts`);
    await Deno.writeTextFile(
      `${project}/jelou.json`,
      JSON.stringify({ function: slug }),
    );
    const { token } = await this.command(["deploy", "-y"], project);
    await Deno.remove(project, { recursive: true });
    return this.request(slug, token, body);
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
    await this.process.stop();
    await Deno.remove(this.dir, { recursive: true });
  }
}
