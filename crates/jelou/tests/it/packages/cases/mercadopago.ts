// packages: mercadopago@3.6.1
// kind: Payments
// shows: the signature of a webhook
// input: {"id":"123"}
// answer: {"valid":true,"forged":"SignatureMismatch"}
import { createHmac } from "node:crypto";
import { MercadoPagoConfig, Payment, WebhookSignatureValidator } from "mercadopago";
import { define, z } from "@jelou/functions";

const payments = new Payment(new MercadoPagoConfig({ accessToken: "APP_USR-example" }));

export default define({
  description: "A webhook of Mercado Pago",
  input: z.object({ id: z.string() }),
  handler: ({ id }) => {
    const text = `id:${id};request-id:r1;ts:1767225600;`;
    const hash = createHmac("sha256", "secret").update(text).digest("hex");
    const signed = { xSignature: `ts=1767225600,v1=${hash}`, xRequestId: "r1", dataId: id };
    WebhookSignatureValidator.validate({ ...signed, secret: "secret" });
    let forged;
    try {
      WebhookSignatureValidator.validate({ ...signed, secret: "other" });
    } catch (error) {
      forged = (error as { reason: string }).reason;
    }
    return { valid: typeof payments.create === "function", forged };
  },
});
