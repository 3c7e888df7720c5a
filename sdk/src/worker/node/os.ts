/**
 * `node:os`: neutral values instead of the machine's own.
 *
 * @module
 */
import { HOME, HOSTNAME, MEMORY, RELEASE, TEMPORARY_FOLDER, USER } from "./identity.ts";

/** The functions that replace functions of the module. */
export const OS: Record<string, (...args: unknown[]) => unknown> = {
  availableParallelism: () => 1,
  cpus: () => [{ model: "cpu", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } }],
  freemem: () => MEMORY.free,
  getPriority: () => 0,
  homedir: () => HOME,
  hostname: () => HOSTNAME,
  loadavg: () => [0, 0, 0],
  networkInterfaces: () => ({}),
  release: () => RELEASE,
  setPriority: () => {},
  tmpdir: () => TEMPORARY_FOLDER,
  totalmem: () => MEMORY.total,
  uptime: () => 0,
  userInfo: (options) => {
    const asBuffer = (options as { encoding?: string } | undefined)?.encoding === "buffer";
    const text = (value: string) => asBuffer ? bufferOf(value) : value;
    return { uid: USER.uid, gid: USER.gid, username: text(USER.name), homedir: text(HOME), shell: null };
  },
  version: () => "#1",
};

function bufferOf(text: string): unknown {
  return (globalThis as unknown as { Buffer: { from(text: string): unknown } }).Buffer.from(text);
}
