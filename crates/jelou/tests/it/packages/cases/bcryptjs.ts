// packages: bcryptjs@3.0.3
// kind: Cryptography
// shows: the hash of a password with a known salt
// input: {"clave":"correct horse"}
// answer: {"hash":"$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e","matches":true,"other":false}
import bcrypt from "bcryptjs";
import { define, z } from "@jelou/functions";

export default define({
  description: "A hash by bcryptjs",
  input: z.object({ clave: z.string() }),
  handler: async ({ clave }) => {
    const hash = await bcrypt.hash(clave, "$2b$04$abcdefghijklmnopqrstuu");
    return { hash, matches: await bcrypt.compare(clave, hash), other: bcrypt.compareSync("other", hash) };
  },
});
