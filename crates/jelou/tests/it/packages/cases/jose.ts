// packages: jose@6.2.18
// kind: Cryptography
// shows: tokens with a secret and with a pair of keys
// input: {"sub":"ana"}
// answer: {"token":"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEiLCJpYXQiOjE3NjcyMjU2MDB9.vYhf58RziOuBOjh9F32-Wv7g_UkPog115PHiKXAxKI8","sub":"ana","alg":"ES256"}
import { generateKeyPair, jwtVerify, SignJWT } from "jose";
import { define, z } from "@jelou/functions";

export default define({
  description: "Tokens by jose",
  input: z.object({ sub: z.string() }),
  handler: async ({ sub }) => {
    const secret = new TextEncoder().encode("a secret of at least 32 characters");
    const payload = { sub, iat: 1_767_225_600 };
    const token = await new SignJWT(payload).setProtectedHeader({ alg: "HS256" }).sign(secret);
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const signed = await new SignJWT(payload).setProtectedHeader({ alg: "ES256" }).sign(privateKey);
    const { payload: read, protectedHeader } = await jwtVerify(signed, publicKey);
    return { token, sub: read.sub, alg: protectedHeader.alg };
  },
});
