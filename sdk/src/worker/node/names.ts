/**
 * The exports of Node's modules that this platform replaces. The import map (`build/import_map.ts`) maps these modules
 * to shims, because the runtime binds exported names to its own functions.
 *
 * @module
 */

/** The names of replaced exports, by module. */
export const REPLACED: Readonly<Record<string, readonly string[]>> = {
  fs: [
    "appendFile",
    "appendFileSync",
    "createWriteStream",
    "exists",
    "existsSync",
    "write",
    "writeFile",
    "writeFileSync",
    "writeSync",
    "writev",
    "writevSync",
  ],
  http: [],
  https: [],
  module: ["_load", "getBuiltinModule"],
  net: ["connect", "createConnection"],
  os: [
    "availableParallelism",
    "cpus",
    "freemem",
    "getPriority",
    "homedir",
    "hostname",
    "loadavg",
    "networkInterfaces",
    "release",
    "setPriority",
    "tmpdir",
    "totalmem",
    "uptime",
    "userInfo",
    "version",
  ],
  process: [
    "abort",
    "argv",
    "availableMemory",
    "constrainedMemory",
    "env",
    "execPath",
    "exit",
    "getBuiltinModule",
    "getegid",
    "geteuid",
    "getgid",
    "getuid",
    "kill",
    "loadEnvFile",
    "setegid",
    "seteuid",
    "setgid",
    "setuid",
    "umask",
  ],
  tls: ["connect"],
  v8: ["getHeapSnapshot", "writeHeapSnapshot"],
};
