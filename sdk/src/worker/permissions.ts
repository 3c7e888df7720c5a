/**
 * Drops all permissions that the worker needs only at its start, before the function's code runs.
 *
 * The worker keeps three permissions: network access, including the egress socket (in serve mode), reading the
 * function's own files, and setting the variable `TZ`, from which the runtime reads the time zone. When a process
 * connects to a unix socket, Deno checks **both** the read and the write permission of its path, also for
 * `Deno.createHttpClient({ proxy: { transport: "unix" } })`. The engine therefore starts the worker with
 * `--allow-read=<dir>,<egress socket>,<function's folder>` and `--allow-write=<dir>,<egress socket>`.
 *
 * @module
 */
import { decodeComponent } from "./primordials.ts";

const { revokeSync, querySync } = Deno.permissions;

const revoke = revokeSync.bind(Deno.permissions);
const query = querySync.bind(Deno.permissions);

/**
 * Drops the permissions.
 *
 * @param socketPath The worker's own socket. Its folder becomes inaccessible, but the worker keeps listening on the
 * socket.
 * @param egressSocket The egress socket, which stays accessible, or `null`.
 * @param module The URL of the bundle. Its folder stays readable.
 * @throws If a permission is still granted after the drop.
 */
export function dropRights(socketPath: string, egressSocket: string | null, module: string): void {
  for (const name of ["run", "ffi", "sys", "import"] as const) revoke({ name });
  for (const name of ["read", "write"] as const) {
    for (const path of [folderOf(socketPath), socketPath]) revoke({ name, path });
  }
  if (egressSocket === null) revoke({ name: "write" });
  verify(socketPath, egressSocket, folderOf(decodeComponent(new URL(module).pathname)));
}

function verify(socketPath: string, egressSocket: string | null, files: string): void {
  const left: string[] = [];
  for (const name of ["env", "run", "ffi", "sys", "import"] as const) {
    if (query({ name }).state === "granted") left.push(name);
  }
  for (const name of ["read", "write"] as const) {
    if (query({ name }).state === "granted") left.push(name);
    for (const path of ["/", folderOf(files), folderOf(socketPath), socketPath]) {
      if (query({ name, path }).state === "granted") left.push(`${name} ${path}`);
    }
    if (egressSocket !== null && query({ name, path: egressSocket }).state !== "granted") {
      throw new Error(`The worker was started without the right to ${name} its egress socket`);
    }
  }
  if (query({ name: "write", path: files }).state === "granted") left.push(`write ${files}`);
  if (query({ name: "read", path: files }).state !== "granted") {
    throw new Error("The worker was started without the right to read the function's files");
  }
  if (left.length > 0) {
    throw new Error(`The worker still has rights that it must not have: ${left.join(", ")}`);
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
