/**
 * The official TypeScript clients of both protocol revisions.
 *
 * @module
 */
import {
  Client as ModernClient,
  StreamableHTTPClientTransport as ModernTransport,
} from "@modelcontextprotocol/client";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const info = { name: "test", version: "1.0.0" };

export interface Result {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly structuredContent?: unknown;
  readonly isError?: boolean;
}

/** The operations that the clients of both revisions have. */
export interface Connected {
  connect(headers: Record<string, string>): Promise<unknown>;
  version(): string | undefined;
  listTools(): Promise<{ tools: { name: string; title?: string; inputSchema: unknown }[] }>;
  callTool(name: string, args: Record<string, unknown>): Promise<Result>;
  close(): Promise<void>;
}

function legacy(endpoint: URL): Connected {
  const client = new Client(info);
  let transport: StreamableHTTPClientTransport;
  return {
    connect: (headers) => {
      transport = new StreamableHTTPClientTransport(endpoint, { requestInit: { headers } });
      return client.connect(transport);
    },
    version: () => transport.protocolVersion,
    listTools: () => client.listTools(),
    callTool: async (name, args) => (await client.callTool({ name, arguments: args })) as Result,
    close: () => client.close(),
  };
}

/**
 * Creates a client of the newer package. With `auto` it first calls `server/discover`, as clients of the 2026 revision
 * do.
 */
function modern(endpoint: URL, mode: "auto" | "legacy"): Connected {
  const client = new ModernClient(info, { versionNegotiation: { mode } });
  return {
    connect: (headers) => client.connect(new ModernTransport(endpoint, { requestInit: { headers } })),
    version: () => client.getNegotiatedProtocolVersion(),
    listTools: () => client.listTools(),
    callTool: async (name, args) => (await client.callTool({ name, arguments: args })) as Result,
    close: () => client.close(),
  };
}

/** Each client with its name and the revision that it must negotiate. */
export const CONNECTIONS: [name: string, create: (url: URL) => Connected, version: string][] = [
  ["sdk 1", legacy, "2025-11-25"],
  ["client 2, old era", (url) => modern(url, "legacy"), "2025-11-25"],
  ["client 2, new era", (url) => modern(url, "auto"), "2026-07-28"],
];
