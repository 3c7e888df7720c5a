/**
 * The way from a function to the platform's own gateway: one unix socket per worker.
 *
 * Deno's HTTP client sends every URL over that socket in plain HTTP, `https:` too, so a function reaches
 * another one by its public URL with neither DNS nor TLS. Which worker calls is known by the socket; which of
 * its requests, by the header that is added here.
 *
 * @module
 */
import { deleteHeader, eachHeader, setHeader, startsWith } from "./primordials.ts";

/** Names the request on whose behalf a call is made. */
export const PARENT_HEADER = "x-jelou-parent";

/** The HTTP client whose every request goes over the egress socket. */
export type EgressClient = () => Deno.HttpClient;

const { createHttpClient } = Deno;

/** The way over an egress socket. The first client of a process reads all certificates: it is made for the first call. */
export function createEgress(path: string): EgressClient {
  let client: Deno.HttpClient | undefined;
  return () => client ??= createHttpClient({ proxy: { transport: "unix", path } });
}

/** Sets the headers that only the platform may set; of those of its own name, the token alone is the caller's. */
export function setPlatformHeaders(headers: Headers, parent: string | undefined): void {
  const own: string[] = [];
  eachHeader(headers, (_value: string, name: string) => {
    if (startsWith(name, "x-jelou-") && name !== "x-jelou-token") own[own.length] = name;
  });
  for (let index = 0; index < own.length; index++) deleteHeader(headers, own[index]!);
  if (parent) setHeader(headers, PARENT_HEADER, parent);
}
