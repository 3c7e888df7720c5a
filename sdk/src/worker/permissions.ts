/**
 * Drops every permission that the worker needed only for its start, before the function's code runs.
 *
 * The network (in serve mode) and the egress socket stay. At every connect to a unix socket, Deno checks
 * **both** the read and the write permission of its path, also for `Deno.createHttpClient({ proxy: {
 * transport: "unix" } })`. The engine therefore starts the worker with `--allow-read=<dir>,<egress socket>`
 * and `--allow-write=<dir>,<egress socket>`. After the drop, both permissions cover only the egress socket.
 *
 * @module
 */
const { revokeSync, querySync } = Deno.permissions;

const revoke = revokeSync.bind(Deno.permissions);
const query = querySync.bind(Deno.permissions);

/**
 * Drops the permissions.
 *
 * @param socketPath The worker's own socket. Its folder becomes inaccessible, but the worker still serves on
 * it.
 * @param egressSocket The socket that stays accessible, or `null`.
 * @throws If a permission is still granted after the drop.
 */
export function dropRights(socketPath: string, egressSocket: string | null): void {
  for (const name of ["env", "run", "ffi", "sys", "import"] as const) revoke({ name });
  for (const name of ["read", "write"] as const) {
    if (egressSocket === null) revoke({ name });
    else for (const path of [folderOf(socketPath), socketPath]) revoke({ name, path });
  }
  verify(socketPath, egressSocket);
}

function verify(socketPath: string, egressSocket: string | null): void {
  const left: string[] = [];
  for (const name of ["env", "run", "ffi", "sys", "import"] as const) {
    if (query({ name }).state === "granted") left.push(name);
  }
  for (const name of ["read", "write"] as const) {
    if (query({ name }).state === "granted") left.push(name);
    for (const path of ["/", folderOf(socketPath), socketPath]) {
      if (query({ name, path }).state === "granted") left.push(`${name} ${path}`);
    }
    if (egressSocket !== null && query({ name, path: egressSocket }).state !== "granted") {
      throw new Error(`The worker was started without the right to ${name} its egress socket`);
    }
  }
  if (left.length > 0) {
    throw new Error(`The worker still has rights that it must not have: ${left.join(", ")}`);
  }
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}
