// packages: jsonwebtoken@9.0.3
// kind: Cryptography
// shows: a token that is signed and checked
// input: {"sub":"ana"}
// answer: {"token":"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbmEiLCJpYXQiOjE3NjcyMjU2MDB9.B4PmcGi-W9ClzmPuOVKG9dQq36UqJfLJ_J0WgMKtfPY","sub":"ana","forged":"invalid signature"}
// short: true
import jwt from "jsonwebtoken";
import { define, z } from "@jelou/functions";

export default define({
  description: "A token by jsonwebtoken",
  input: z.object({ sub: z.string() }),
  handler: ({ sub }) => {
    const token = jwt.sign({ sub, iat: 1_767_225_600 }, "secret", { algorithm: "HS256" });
    let forged;
    try {
      jwt.verify(token, "other");
    } catch (error) {
      forged = (error as Error).message;
    }
    return { token, sub: jwt.verify(token, "secret").sub, forged };
  },
});
