/**
 * `node:process`: the function's environment, and neutral values instead of the machine's own.
 *
 * @module
 */
import { processEnv } from "../environment.ts";
import { guardProcess } from "../termination.ts";
import { replaceAll } from "./replace.ts";
import { HOSTNAME, MEMORY, MODULE_PATH, NODE_PATH, UMASK, USER } from "./identity.ts";

/** The values that replace members of the module. */
export const PROCESS: Record<string, unknown> = {
  argv: [NODE_PATH, MODULE_PATH],
  availableMemory: () => MEMORY.free,
  constrainedMemory: () => MEMORY.total,
  env: processEnv,
  execPath: NODE_PATH,
  getegid: () => USER.gid,
  geteuid: () => USER.uid,
  getgid: () => USER.gid,
  getgroups: () => [USER.gid],
  getuid: () => USER.uid,
  initgroups: () => {},
  loadEnvFile: (path = ".env") => {
    const error = new Error(`ENOENT: no such file or directory, open '${path}'`);
    throw Object.assign(error, { errno: -2, code: "ENOENT", syscall: "open", path });
  },
  setegid: () => {},
  seteuid: () => {},
  setgid: () => {},
  setgroups: () => {},
  setuid: () => {},
  umask: () => UMASK,
};

/** Creates the diagnostic report of a process, without data about the machine. */
function report(): object {
  return {
    header: {
      reportVersion: 5,
      event: "JavaScript API",
      trigger: "GetReport",
      host: HOSTNAME,
      cpus: [],
      networkInterfaces: [],
    },
    javascriptStack: {},
    resourceUsage: {},
    environmentVariables: {},
    sharedObjects: [],
  };
}

interface NodeProcess {
  title: string;
  execPath: string;
  report?: object;
}

/** Prepares the object that functions get as `process`. */
export function prepareProcess(module: object): void {
  const process = module as NodeProcess;
  replaceAll(process, PROCESS);
  // These are accessors, which can be set but not replaced.
  process.title = "function";
  process.execPath = NODE_PATH;
  if (process.report !== undefined) {
    replaceAll(process.report, { getReport: report, writeReport: () => "" });
  }
  guardProcess(process);
}
