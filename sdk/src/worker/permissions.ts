/**
 * Gives up every right that the worker needed to start, before the function's code runs.
 *
 * What stays is the network (in serve mode) and the egress socket. Deno checks **both** the read and the write
 * right on a unix socket's path at every connect, also for `Deno.createHttpClient({ proxy: { transport: "unix" } })`:
 * so the engine starts the worker with `--allow-read=<dir>,<egress socket>` and
 * `--allow-write=<dir>,<egress socket>`, and only the egress socket is left of either.
 *
 * @module
 */
const { revokeSync, querySync } = Deno.permissions;

const revoke = revokeSync.bind(Deno.permissions);
const query = querySync.bind(Deno.permissions);

/**
 * Drops the rights.
 *
 * @param socketPath The worker's own socket; its folder becomes unreachable. Serving goes on.
 * @param egressSocket What may still be reached, or `null`.
 * @throws When a right that must be gone is still there.
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
