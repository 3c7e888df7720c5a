// packages: telegraf@4.16.3
// kind: Messaging
// shows: an update that the bot answers
// input: {"update_id":1,"message":{"message_id":1,"date":0,"chat":{"id":7,"type":"private"},"text":"hola"}}
// answer: {"path":"/bottoken/sendMessage","body":"{\"chat_id\":7,\"text\":\"HOLA\"}"}
import { Telegraf } from "telegraf";
import { define } from "@jelou/functions";

const bot = new Telegraf("token", {
  telegram: { apiRoot: "https://peer.fn.localhost", webhookReply: false },
});
bot.botInfo = { id: 1, is_bot: true, first_name: "bot", username: "bot" } as typeof bot.botInfo;
// deno-lint-ignore no-explicit-any
let sent: any;
bot.on("text", async (context) => {
  sent = await context.reply(context.message.text.toUpperCase());
});

export default define({
  description: "A bot of Telegram by Telegraf",
  handler: async (update) => {
    await bot.handleUpdate(update as never);
    return { path: sent.path, body: sent.body };
  },
});
