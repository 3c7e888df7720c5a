// packages: @sendgrid/mail@8.1.6, @sendgrid/client@8.1.6
// kind: Messaging
// shows: a message
// input: {"a":"ana@example.com"}
// answer: {"status":200,"path":"/v3/mail/send","to":"ana@example.com","authorization":"Bearer SG.example"}
import sendgrid from "@sendgrid/mail";
import { Client } from "@sendgrid/client";
import { define, z } from "@jelou/functions";

const client = new Client();
sendgrid.setClient(client);
sendgrid.setApiKey("SG.example");
client.setDefaultRequest("baseUrl", "https://peer.fn.localhost/");

export default define({
  description: "A message by SendGrid's client",
  input: z.object({ a: z.string() }),
  handler: async ({ a }) => {
    const [response] = await sendgrid.send({
      from: "tienda@example.com",
      to: a,
      subject: "Factura",
      text: "Adjunta",
    });
    // deno-lint-ignore no-explicit-any
    const seen = response.body as any;
    return {
      status: response.statusCode,
      path: seen.path,
      to: JSON.parse(seen.body).personalizations[0].to[0].email,
      authorization: seen.headers.authorization,
    };
  },
});
