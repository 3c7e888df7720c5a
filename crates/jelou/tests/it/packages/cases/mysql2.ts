// packages: mysql2@3.24.6
// kind: Databases
// shows: a pool that is made at the top of the module, and a statement with its values
// input: {"id":7}
// answer: {"sql":"SELECT * FROM `pedidos` WHERE id = 7 AND nota = 'l\\'agua' AND id IN (1, 2)","limit":2}
import mysql from "mysql2/promise";
import { define, z } from "@jelou/functions";

const pool = mysql.createPool({ host: "db.internal", user: "function", connectionLimit: 2 });

export default define({
  description: "MySQL's client without a connection",
  input: z.object({ id: z.number() }),
  handler: ({ id }) => ({
    sql: mysql.format("SELECT * FROM ?? WHERE id = ? AND nota = ? AND id IN (?)", [
      "pedidos",
      id,
      "l'agua",
      [1, 2],
    ]),
    // deno-lint-ignore no-explicit-any
    limit: (pool.pool as any).config.connectionLimit,
  }),
});
