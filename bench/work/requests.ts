/** The HTTP requests that are sent to every peer. */
import type { Request } from "../harness/load.ts";

export interface Work {
  name: string;
  connections: number;
  /** Builds the request from an authenticated request. */
  request: (call: Request) => Request;
  /** Whether all responses must be refusals. Without it, a refusal is an error. */
  refused?: true;
  /** Whether only this server can do the work. */
  ownOnly?: true;
}

const LARGE_BODY = JSON.stringify({
  telefono: "593987654321",
  relleno: "x".repeat(64 * 1024),
});
const TOOLS_LIST = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/list",
  params: {},
});
const WRONG_TOKEN = "jfn_rt_0000000000000000000000000000000000000A";

export const MANY_CALLS = "authenticated call, 32 connections";
export const ONE_CALL = "authenticated call, 1 connection";
export const REFUSED_CALL = "refused call, 32 connections";

export const WORK: Work[] = [
  { name: MANY_CALLS, connections: 32, request: (call) => call },
  { name: ONE_CALL, connections: 1, request: (call) => call },
  {
    name: REFUSED_CALL,
    connections: 32,
    request: (call) => ({
      ...call,
      headers: { ...call.headers, "x-jelou-token": WRONG_TOKEN },
    }),
    refused: true,
  },
  {
    name: "64 KB body, 32 connections",
    connections: 32,
    request: (call) => ({ ...call, body: LARGE_BODY }),
  },
  {
    name: "MCP tools/list, 32 connections",
    connections: 32,
    request: (call) => ({ ...call, url: `${call.url}mcp`, body: TOOLS_LIST }),
    ownOnly: true,
  },
];
