// packages: nodemailer@10.6.1
// kind: Messaging
// shows: a message with an attachment, as MIME
// input: {"a":"ana@example.com"}
// answer: {"to":["ana@example.com"],"subject":"Subject: =?UTF-8?Q?Factura_a=C3=B1o?=","attachment":true}
import nodemailer from "nodemailer";
import { define, z } from "@jelou/functions";

const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: "unix" });

export default define({
  description: "A message by Nodemailer",
  input: z.object({ a: z.string() }),
  handler: async ({ a }) => {
    const { envelope, message } = await transport.sendMail({
      from: "tienda@example.com",
      to: a,
      subject: "Factura año",
      text: "Adjunta",
      attachments: [{ filename: "factura.txt", content: "10.50" }],
    });
    const lines = message.toString().split("\n");
    return {
      to: envelope.to,
      subject: lines.find((line: string) => line.startsWith("Subject")),
      attachment: lines.includes(btoa("10.50")) || lines.includes("10.50"),
    };
  },
});
