// packages: @modelcontextprotocol/sdk@1.32.2
// kind: AI
// shows: a client that calls a tool of a server in the same process
// input: {"a":2,"b":3}
// answer: {"tools":["suma"],"text":"5"}
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { InMemoryTransport } from "@modelcontextprotocol/sdk/inMemory.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { define, z } from "@jelou/functions";

export default define({
  description: "A client and a server of MCP",
  input: z.object({ a: z.number(), b: z.number() }),
  handler: async (input) => {
    const server = new McpServer({ name: "calculadora", version: "1.0.0" });
    const shape = { a: z.number(), b: z.number() };
    server.registerTool("suma", { inputSchema: shape as never }, ({ a, b }: typeof input) => ({
      content: [{ type: "text" as const, text: String(a + b) }],
    }));
    const [near, far] = InMemoryTransport.createLinkedPair();
    const client = new Client({ name: "cliente", version: "1.0.0" });
    await Promise.all([server.connect(far), client.connect(near)]);
    const { tools } = await client.listTools();
    // deno-lint-ignore no-explicit-any
    const result = await client.callTool({ name: "suma", arguments: input }) as any;
    return { tools: tools.map(({ name }) => name), text: result.content[0].text };
  },
});
