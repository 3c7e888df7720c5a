/**
 * The way from a function to the platform's own gateway: one unix socket per worker.
 *
 * Deno's HTTP client sends every URL over that socket in plain HTTP, `https:` too, so a function reaches
 * another one by its public URL with neither DNS nor TLS. Which worker calls is known by the socket; which of
 * its requests, by the header that is added here.
 *
 * @module
 */
import { nativeFetch } from "./primordials.ts";

/** Names the request on whose behalf a call is made. */
export const PARENT_HEADER = "x-jelou-parent";

/** A `fetch` that goes over the egress socket and follows no redirect. */
export type EgressFetch = (request: Request) => Promise<Response>;

const { createHttpClient } = Deno;

/** The way over an egress socket. The first client of a process reads all certificates: it is made for the first call. */
export function createEgress(path: string): EgressFetch {
  let client: Deno.HttpClient | undefined;
  return (request) => {
    client ??= createHttpClient({ proxy: { transport: "unix", path } });
    return nativeFetch(request, { client });
  };
}
