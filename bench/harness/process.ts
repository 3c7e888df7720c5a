/** Starts and ends the processes of the benchmark, and reads their CPU time and memory. */

/** Clock ticks per second (`getconf CLK_TCK`): 100 on every Linux. */
const TICKS_PER_SECOND = 100;
/** Maximum milliseconds for the start of a process. */
const START_MS = 10_000;
/** Milliseconds after which a process that ignores SIGTERM is killed. `deno serve --watch` stops serving, and stays. */
const END_MS = 5_000;

/** All running processes. They are ended when the benchmark is interrupted. */
const running = new Set<Deno.ChildProcess>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.addSignalListener(signal, () => {
    endAll();
    Deno.exit(1);
  });
}

/** Ends every running process. */
export function endAll(): void {
  for (const child of running) end(child);
}

function end(
  child: Deno.ChildProcess,
  signal: Deno.Signal = "SIGTERM",
): void {
  try {
    child.kill(signal);
  } catch {
    // The process has ended already.
  }
}

export class Started {
  readonly #child: Deno.ChildProcess;

  constructor(
    command: string,
    args: string[],
    options: Deno.CommandOptions = {},
  ) {
    this.#child = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...options,
    }).spawn();
    running.add(this.#child);
    this.#child.status.finally(() => running.delete(this.#child));
  }

  get pid(): number {
    return this.#child.pid;
  }

  get stdout(): ReadableStream<Uint8Array> {
    return this.#child.stdout;
  }

  async stop(): Promise<void> {
    end(this.#child);
    const killing = setTimeout(() => end(this.#child, "SIGKILL"), END_MS);
    await this.#child.status;
    clearTimeout(killing);
  }
}

/** Returns the process id and the ids of all descendants. */
export function family(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid)) continue;
    const parent = fields(pid)?.[1];
    if (parent !== undefined) {
      children.set(Number(parent), [
        ...children.get(Number(parent)) ?? [],
        pid,
      ]);
    }
  }
  const found = [root];
  for (let i = 0; i < found.length; i++) {
    found.push(...children.get(found[i]) ?? []);
  }
  return found;
}

/** Returns the CPU seconds that the processes have used (proc_pid_stat(5)). */
export function cpu(pids: number[]): number {
  return pids.reduce((sum, pid) => {
    const stat = fields(pid);
    return stat
      ? sum + (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND
      : sum;
  }, 0);
}

/** Returns resident and private memory in MiB (proc_pid_statm(5)). */
export function memory(pid: number): { resident: number; private: number } {
  const [, resident, shared] = Deno.readTextFileSync(`/proc/${pid}/statm`)
    .split(" ").map(Number);
  const mib = (pages: number) => pages * 4096 / 1024 / 1024;
  return { resident: mib(resident), private: mib(resident - shared) };
}

/** Returns private memory in bytes (`/proc/<pid>/smaps_rollup`, proc_pid_smaps(5)). */
export function privateBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  return [...text.matchAll(/^Private_\w+:\s+(\d+) kB$/gm)]
    .reduce((sum, [, kib]) => sum + Number(kib) * 1024, 0);
}

/** Returns the fields of `/proc/<pid>/stat` after the name of the program. The first one is the state. */
function fields(pid: number): string[] | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

export async function run(
  command: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<string> {
  const output = await new Deno.Command(command, {
    args,
    stdin: "null",
    ...options,
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!output.success) {
    throw new Error(
      `${command} ${args[0]}: ${decode(output.stderr)}${decode(output.stdout)}`,
    );
  }
  return decode(output.stdout);
}

/** Waits until the port accepts connections. */
export function listening(port: number): Promise<void> {
  return until(`something listens on port ${port}`, async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  });
}

/** Repeats an attempt until it succeeds. */
export async function until(
  what: string,
  attempt: () => Promise<unknown>,
): Promise<void> {
  const end = performance.now() + START_MS;
  while (!await attempt().then(() => true, () => false)) {
    if (performance.now() > end) {
      throw new Error(`waited ${START_MS} ms in vain until ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
