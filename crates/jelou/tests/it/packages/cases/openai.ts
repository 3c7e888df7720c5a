// packages: openai@6.49.0
// kind: AI
// shows: a completion, and one that is streamed
// input: {"pregunta":"hola"}
// answer: {"path":"/chat/completions","model":"gpt-example","authorization":"Bearer sk-example","streamed":"Hola, Ana"}
// short: true
import OpenAI from "openai";
import { define, z } from "@jelou/functions";

const openai = new OpenAI({ apiKey: "sk-example", baseURL: "https://peer.fn.localhost", maxRetries: 0 });

export default define({
  description: "Completions of OpenAI",
  input: z.object({ pregunta: z.string() }),
  handler: async ({ pregunta }) => {
    const asked = { model: "gpt-example", messages: [{ role: "user" as const, content: pregunta }] };
    // deno-lint-ignore no-explicit-any
    const seen: any = await openai.chat.completions.create(asked);
    let streamed = "";
    for await (const part of await openai.chat.completions.create({ ...asked, stream: true })) {
      streamed += part.choices[0].delta.content;
    }
    return {
      path: seen.path,
      model: JSON.parse(seen.body).model,
      authorization: seen.headers.authorization,
      streamed,
    };
  },
});
