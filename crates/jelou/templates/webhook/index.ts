import { define, response } from "@jelou/functions";

export default define({
  description: "Recibe avisos firmados con HMAC-SHA256, como los de GitHub",
  // The sender has no runtime token; the signature authenticates it.
  config: { methods: ["POST"], public: true, mcp: false },
  handler: async (_input, ctx, request) => {
    const secret = ctx.env.get("WEBHOOK_SECRET");
    if (!secret) throw new Error("The secret WEBHOOK_SECRET is not set");
    // The signature is about the bytes, so they are read before they are parsed.
    const body = await request.arrayBuffer();
    const signature = request.headers.get("X-Hub-Signature-256") ?? "";
    if (!await isSigned(body, signature, secret)) {
      return response.status(401).json({ error: "Firma no válida" });
    }
    const aviso = JSON.parse(new TextDecoder().decode(body));
    ctx.log("Aviso recibido", { evento: aviso.evento });
    return { recibido: aviso.evento };
  },
});

/** Checks `sha256=` and an HMAC in hexadecimal, in constant time. */
async function isSigned(
  body: ArrayBuffer,
  signature: string,
  secret: string,
): Promise<boolean> {
  const [, hex] = /^sha256=([0-9a-f]{64})$/.exec(signature) ?? [];
  if (hex === undefined) return false;
  const key = await crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["verify"],
  );
  const bytes = Uint8Array.from(
    hex.match(/../g)!,
    (pair) => parseInt(pair, 16),
  );
  return await crypto.subtle.verify("HMAC", key, bytes, body);
}
