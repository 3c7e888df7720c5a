// packages: grammy@1.46.0
// kind: Messaging
// shows: an update that the bot answers
// input: {"update_id":1,"message":{"message_id":1,"date":0,"chat":{"id":7,"type":"private"},"text":"hola"}}
// answer: {"path":"/bottoken/sendMessage","body":"{\"chat_id\":7,\"text\":\"HOLA\"}"}
import { Bot } from "grammy";
import { define } from "@jelou/functions";

const botInfo = { id: 1, is_bot: true, first_name: "bot", username: "bot" };
const bot = new Bot("token", {
  client: { apiRoot: "https://peer.fn.localhost" },
  botInfo: botInfo as never,
});
// deno-lint-ignore no-explicit-any
let sent: any;
bot.on("message:text", async (context) => {
  sent = await context.reply(context.message.text.toUpperCase());
});

export default define({
  description: "A bot of Telegram by grammY",
  handler: async (update) => {
    await bot.handleUpdate(update as never);
    return { path: sent.path, body: sent.body };
  },
});
