/** Calls a function once. */
import type { Request } from "./load.ts";

export function send(call: Request, signal?: AbortSignal): Promise<Response> {
  const { Host: host, ...headers } = call.headers;
  // `fetch` sets the Host header itself, so the path names the function.
  const slug = host.split(".")[0];
  return fetch(`${call.url}fn/${slug}/`, {
    method: "POST",
    headers,
    body: call.body,
    signal,
  });
}

/** Returns the milliseconds until the end of the response body. */
export async function timed(call: Request): Promise<number> {
  const started = performance.now();
  const response = await send(call);
  await response.bytes();
  const took = performance.now() - started;
  if (response.status !== 200) {
    throw new Error(`a call answered ${response.status}`);
  }
  return took;
}
