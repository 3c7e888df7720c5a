/** Measures cold starts of functions with npm packages, compared with a Deno process that imports the same bundle. */
import { timed } from "./call.ts";
import { idleMemory } from "./idle.ts";
import { Jelou } from "./jelou.ts";
import { median } from "./load.ts";
import { cpu, family, run } from "./process.ts";

/** Bundles of 0.5 to 8 MB. */
const PACKAGES = [
  "axios@1.21.1",
  "@aws-sdk/client-s3@3.1175.0",
  "pdf-lib@1.17.1",
  "mongodb@7.9.0",
  "twilio@6.3.1",
];
const LARGEST = "twilio";
const folder = new URL("../work/packages/", import.meta.url).pathname;

export interface PackageStarts {
  package: string;
  bundleBytes: number;
  /** Median milliseconds from a call to its answer. A blank worker is ready. */
  own: number;
  /** Median milliseconds of the Deno process, from its start to its end. */
  deno: number;
  /** Median of the ratios `own` to `deno`, each from two consecutive starts. */
  ratio: number;
}

export interface Packages {
  starts: PackageStarts[];
  /** Private memory of an idle function with the largest bundle, in MiB. */
  idle: number;
}

/** Number of blank workers: the only child processes of the server while the function has no process. */
const BLANK_WORKERS = 2;
const SETTLED_MS = 1_000;
/** Number of starts that are not counted, to warm up the caches. */
const WARM_UP = 3;
/**
 * Milliseconds that a plain Deno process keeps running in its first start, because it writes its caches late.
 */
const WRITES_CACHES_MS = 2_000;

export async function measurePackages(
  count = Number(Deno.env.get("PACKAGE_STARTS") ?? 20),
): Promise<Packages> {
  const starts: PackageStarts[] = [];
  for (const name of PACKAGES) {
    const measured = await measureOne(name, count);
    starts.push(measured);
    console.error(
      `${name}: ${measured.own.toFixed(0)} ms, Deno ${
        measured.deno.toFixed(0)
      } ms, ratio ${measured.ratio.toFixed(2)}`,
    );
  }
  const largest = PACKAGES.find((name) => name.startsWith(`${LARGEST}@`))!;
  const idle = await idleMemory(`${folder}${LARGEST}.ts`, [largest]);
  return { starts, idle };
}

async function measureOne(name: string, count: number): Promise<PackageStarts> {
  const file = `${folder}${name.slice(0, name.lastIndexOf("@"))}.ts`;
  const server = await Jelou.start({
    JELOU_LIMITS__BLANK_WORKERS: String(BLANK_WORKERS),
    JELOU_LIMITS__MAX_BLANK_WORKERS: String(BLANK_WORKERS),
  });
  const call = await server.deploy("cold", file, "{}", [name]);
  const plain = await Plain.of(await server.bundle());
  const own: number[] = [];
  const deno: number[] = [];
  for (let i = -WARM_UP; i < count; i++) {
    // Ends the process of the function, because its secrets have changed.
    await server.command(["secrets", "set", "cold", `N=${i + WARM_UP}`]);
    await settled(server.pid);
    const times = [await timed(call), await plain.timed()];
    if (i < 0) continue;
    own.push(times[0]);
    deno.push(times[1]);
  }
  const { size: bundleBytes } = await Deno.stat(plain.bundle);
  await server.stop();
  await plain.remove();
  const ratio = median(own.map((time, i) => time / deno[i]));
  return {
    package: name,
    bundleBytes,
    own: median(own),
    deno: median(deno),
    ratio,
  };
}

/** Waits until the blank workers run and use no more CPU time. */
async function settled(server: number): Promise<void> {
  for (let before = NaN, used = 0; used !== before;) {
    before = used;
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    const [, ...workers] = family(server);
    used = workers.length === BLANK_WORKERS ? cpu(workers) : NaN;
  }
}

/** Plain Deno. Each run starts a process that imports the bundle and calls it once. The runs share a cache. */
class Plain {
  private constructor(private readonly dir: string) {}

  static async of(bundle: string): Promise<Plain> {
    const dir = await Deno.makeTempDir();
    // The first line of the file is the digest of the rest.
    const text = await Deno.readTextFile(bundle);
    const code = text.slice(text.indexOf("\n") + 1);
    await Deno.writeTextFile(`${dir}/index.js`, code);
    await Deno.writeTextFile(
      `${dir}/main.js`,
      'import app from "./index.js";\n' +
        'const answer = await app.fetch(new Request("http://localhost/"));\n' +
        "console.log(await answer.text());\n" +
        "await new Promise((done) => setTimeout(done, Number(Deno.args[0])));\n" +
        "Deno.exit();\n",
    );
    const plain = new Plain(dir);
    await plain.timed(WRITES_CACHES_MS);
    return plain;
  }

  get bundle(): string {
    return `${this.dir}/index.js`;
  }

  async timed(lingers = 0): Promise<number> {
    const started = performance.now();
    const args = ["run", "-A", `${this.dir}/main.js`, String(lingers)];
    await run(Deno.execPath(), args, {
      env: { DENO_DIR: `${this.dir}/cache`, DENO_NO_UPDATE_CHECK: "1" },
    });
    return performance.now() - started;
  }

  remove(): Promise<void> {
    return Deno.remove(this.dir, { recursive: true });
  }
}
