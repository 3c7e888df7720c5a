/**
 * The connection from a function to the platform's own gateway: a unix socket of the worker.
 *
 * Deno's HTTP client sends all URLs over that socket in plain HTTP, also `https:` URLs. A function can thus
 * call another function by its public URL without DNS and TLS. The gateway identifies the calling worker by
 * its socket, and the calling request by a header.
 *
 * @module
 */
import { deleteHeader, eachHeader, setHeader, startsWith } from "./primordials.ts";

/** The header with the id of the request that makes the call. */
export const PARENT_HEADER = "x-jelou-parent";

/** Returns an HTTP client that sends all requests over the egress socket. */
export type EgressClient = () => Deno.HttpClient;

const { createHttpClient } = Deno;

/**
 * Creates the client of an egress socket on first use, because the first HTTP client of a process reads all
 * certificates.
 */
export function createEgress(path: string): EgressClient {
  let client: Deno.HttpClient | undefined;
  return () => client ??= createHttpClient({ proxy: { transport: "unix", path } });
}

/**
 * Removes the `x-jelou-` headers that only the platform sets, and sets the id of the request that makes the
 * call. The token and the name of a deployment stay, as in a call from outside.
 */
export function setPlatformHeaders(headers: Headers, parent: string | undefined): void {
  const own: string[] = [];
  eachHeader(headers, (_value: string, name: string) => {
    if (name === "x-jelou-token" || name === "x-jelou-deployment") return;
    if (startsWith(name, "x-jelou-")) own[own.length] = name;
  });
  for (let index = 0; index < own.length; index++) deleteHeader(headers, own[index]!);
  if (parent) setHeader(headers, PARENT_HEADER, parent);
}
