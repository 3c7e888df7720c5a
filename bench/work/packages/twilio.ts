import twilio from "twilio";

const client = twilio("AC0", "secret");

export default { fetch: () => Response.json(client.accountSid) };
