// packages: stripe@23.1.0
// kind: Payments
// shows: a request with its key, and the signature of a webhook
// input: {}
// answer: {"path":"/v1/customers","body":"email=ana%40example.com&metadata[plan]=oro","authorization":"Bearer sk_example","event":"charge.succeeded","refused":true}
// short: true
import Stripe from "stripe";
import { define } from "@jelou/functions";

const stripe = new Stripe("sk_example", {
  host: "peer.fn.localhost",
  maxNetworkRetries: 0,
  telemetry: false,
});

export default define({
  description: "Stripe's client",
  handler: async () => {
    // deno-lint-ignore no-explicit-any
    const seen: any = await stripe.customers.create({ email: "ana@example.com", metadata: { plan: "oro" } });
    const payload = JSON.stringify({ id: "evt_1", object: "event", type: "charge.succeeded" });
    const header = await stripe.webhooks.generateTestHeaderStringAsync({ payload, secret: "whsec_example" });
    const event = await stripe.webhooks.constructEventAsync(payload, header, "whsec_example");
    const forged = stripe.webhooks.constructEventAsync(payload, header, "whsec_other");
    const refused = await forged.then(() => false, () => true);
    return {
      path: seen.path,
      body: seen.body,
      authorization: seen.headers.authorization,
      event: event.type,
      refused,
    };
  },
});
