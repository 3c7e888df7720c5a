// packages: twilio@6.3.1
// kind: Messaging
// shows: the signature of a webhook, and an answer to a call in TwiML
// input: {"nombre":"Ana"}
// answer: {"valid":true,"forged":false,"twiml":"<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say language=\"es-MX\">Hola, Ana</Say></Response>","account":"AC0"}
// short: true
import twilio from "twilio";
import { createHmac } from "node:crypto";
import { define, z } from "@jelou/functions";

const client = twilio("AC0", "secret");

export default define({
  description: "Twilio's client",
  input: z.object({ nombre: z.string() }),
  handler: ({ nombre }) => {
    const url = "https://tienda.example.com/sms";
    const signature = createHmac("sha1", "secret").update(`${url}Bodyhola`).digest("base64");
    const voice = new twilio.twiml.VoiceResponse();
    voice.say({ language: "es-MX" }, `Hola, ${nombre}`);
    return {
      valid: twilio.validateRequest("secret", signature, url, { Body: "hola" }),
      forged: twilio.validateRequest("secret", signature, url, { Body: "adios" }),
      twiml: voice.toString(),
      account: client.accountSid,
    };
  },
});
