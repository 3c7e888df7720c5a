/**
 * Neutral values that functions see instead of the machine's own. They are the same on every machine.
 *
 * @module
 */

const MEBIBYTE = 1024 * 1024;

export const HOSTNAME = "localhost";
export const HOME = "/";
export const TEMPORARY_FOLDER = "/tmp";
export const USER = { uid: 1000, gid: 1000, name: "function" };
export const RELEASE = "6.0.0";
export const UMASK = 0o22;
/** The process ids look like those of a container's first process. */
export const PID = 1;
export const PARENT_PID = 0;
export const MEMORY = { total: 256 * MEBIBYTE, free: 128 * MEBIBYTE };
export const NODE_PATH = "/usr/bin/node";
export const MODULE_PATH = "/index.js";

/** Replaces the members of `Deno` that describe the machine. */
export function neutralDeno(): void {
  const values = {
    hostname: (): string => HOSTNAME,
    osRelease: (): string => RELEASE,
    osUptime: (): number => 0,
    loadavg: (): number[] => [0, 0, 0],
    networkInterfaces: (): Deno.NetworkInterfaceInfo[] => [],
    systemMemoryInfo: (): Deno.SystemMemoryInfo => ({
      total: MEMORY.total,
      free: MEMORY.free,
      available: MEMORY.free,
      buffers: 0,
      cached: 0,
      swapTotal: 0,
      swapFree: 0,
    }),
    uid: (): number => USER.uid,
    gid: (): number => USER.gid,
    umask: (): number => UMASK,
    execPath: (): string => "/usr/bin/deno",
    args: [] as string[],
    mainModule: `file://${MODULE_PATH}`,
    // Node's `process` reads these values on its first use.
    pid: PID,
    ppid: PARENT_PID,
  };
  for (const [name, value] of Object.entries(values)) {
    Object.defineProperty(Deno, name, { value, writable: true, enumerable: true, configurable: true });
  }
}
