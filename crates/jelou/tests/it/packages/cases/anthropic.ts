// packages: @anthropic-ai/sdk@1.14.0
// kind: AI
// shows: a message
// input: {"pregunta":"hola"}
// answer: {"path":"/v1/messages","content":"hola","authorization":"Bearer sk-ant-example"}
import Anthropic from "@anthropic-ai/sdk";
import { define, z } from "@jelou/functions";

const anthropic = new Anthropic({ apiKey: "sk-ant-example", baseURL: "https://peer.fn.localhost" });

export default define({
  description: "A message of Anthropic's client",
  input: z.object({ pregunta: z.string() }),
  handler: async ({ pregunta }) => {
    const asked = {
      model: "claude-example",
      max_tokens: 10,
      messages: [{ role: "user" as const, content: pregunta }],
    };
    // deno-lint-ignore no-explicit-any
    const seen: any = await anthropic.messages.create(asked);
    return {
      path: seen.path,
      content: JSON.parse(seen.body).messages[0].content,
      authorization: seen.headers.authorization,
    };
  },
});
