// packages: discord.js@14.28.1
// kind: Messaging
// shows: a message with an embed by REST
// input: {}
// answer: {"title":"Pedido 7","path":"/v10/channels/1/messages","body":"{\"embeds\":[{\"title\":\"Pedido 7\",\"color\":255}]}"}
import { Client, EmbedBuilder, REST, Routes } from "discord.js";
import { define } from "@jelou/functions";

const rest = new REST({ api: "https://peer.fn.localhost" }).setToken("token");
const client = new Client({ intents: [] });

export default define({
  description: "A message by Discord's client",
  handler: async () => {
    const embed = new EmbedBuilder().setTitle("Pedido 7").setColor(255);
    // deno-lint-ignore no-explicit-any
    const seen = await rest.post(Routes.channelMessages("1"), { body: { embeds: [embed] } }) as any;
    return { title: client.isReady() ? null : embed.data.title, path: seen.path, body: seen.body };
  },
});
