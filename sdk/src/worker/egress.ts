/**
 * The connection from a function to the platform's own gateway: one unix socket per worker.
 *
 * Deno's HTTP client sends every URL over that socket in plain HTTP, also `https:` URLs. A function can thus
 * call another function by its public URL without DNS and TLS. The socket identifies the worker that calls.
 * The header that is added here identifies the request on whose behalf the worker calls.
 *
 * @module
 */
import { deleteHeader, eachHeader, setHeader, startsWith } from "./primordials.ts";

/** The id of the request on whose behalf the worker calls. */
export const PARENT_HEADER = "x-jelou-parent";

/** Returns the HTTP client that sends all requests over the egress socket. */
export type EgressClient = () => Deno.HttpClient;

const { createHttpClient } = Deno;

/**
 * Connects to an egress socket. The first client of a process reads all certificates, so it is created at the
 * first call.
 */
export function createEgress(path: string): EgressClient {
  let client: Deno.HttpClient | undefined;
  return () => client ??= createHttpClient({ proxy: { transport: "unix", path } });
}

/**
 * Sets the headers that only the platform may set. Of the `x-jelou-` headers, the caller may set only the
 * token.
 */
export function setPlatformHeaders(headers: Headers, parent: string | undefined): void {
  const own: string[] = [];
  eachHeader(headers, (_value: string, name: string) => {
    if (startsWith(name, "x-jelou-") && name !== "x-jelou-token") own[own.length] = name;
  });
  for (let index = 0; index < own.length; index++) deleteHeader(headers, own[index]!);
  if (parent) setHeader(headers, PARENT_HEADER, parent);
}
