// packages: @slack/web-api@8.2.0
// kind: Messaging
// shows: a message
// input: {"text":"hola"}
// answer: {"ok":true,"path":"/chat.postMessage","body":"text=hola&channel=C1","authorization":"Bearer xoxb-example"}
// short: true
import { WebClient } from "@slack/web-api";
import { define, z } from "@jelou/functions";

const slack = new WebClient("xoxb-example", { slackApiUrl: "https://peer.fn.localhost/" });

export default define({
  description: "A message by Slack's client",
  input: z.object({ text: z.string() }),
  handler: async ({ text }) => {
    // deno-lint-ignore no-explicit-any
    const seen: any = await slack.chat.postMessage({ text, channel: "C1" });
    return { ok: seen.ok, path: seen.path, body: seen.body, authorization: seen.headers.authorization };
  },
});
