/** One call, where a load generator would be too many. */
import type { Request } from "./load.ts";

export function send(call: Request, signal?: AbortSignal): Promise<Response> {
  const { Host: host, ...headers } = call.headers;
  // fetch sets its own Host, so the function is named by its path.
  const slug = host.split(".")[0];
  return fetch(`${call.url}fn/${slug}/`, {
    method: "POST",
    headers,
    body: call.body,
    signal,
  });
}
