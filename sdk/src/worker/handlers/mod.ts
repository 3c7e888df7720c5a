/**
 * Captures the servers that a module starts.
 *
 * @module
 */
import { captureDenoServers, captureFetchEvents } from "./deno_server.ts";
import { captureNodeServers } from "./node_server.ts";

export { endCapture } from "./captured.ts";

/** Substrings of code that imports `node:http`. Loading `node:http` takes some milliseconds. */
const OF_NODE_HTTP = ["node:http", '"http"', '"https"'];

/** Prepares the capture. Must run before the module is imported. */
export async function captureServers(words: readonly string[]): Promise<void> {
  captureDenoServers();
  captureFetchEvents();
  if (OF_NODE_HTTP.some((word) => words.includes(word))) await captureNodeServers();
}
