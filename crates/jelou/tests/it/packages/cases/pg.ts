// packages: pg@8.23.1
// kind: Databases
// shows: a pool that is made at the top of the module, the values of types, and quoting
// input: {}
// answer: {"pool":"function:ventas","array":[1,null,3],"numeric":"10.50","identifier":"\"a\"\"b\"","literal":"'l''agua'"}
// short: true
import pg from "pg";
import { define } from "@jelou/functions";

const pool = new pg.Pool({ connectionString: "postgres://function:secret@db.internal:5432/ventas", max: 2 });

export default define({
  description: "PostgreSQL's client without a connection",
  handler: () => ({
    pool: `${pool.options.user ?? "function"}:${new pg.Client(pool.options).database}`,
    array: pg.types.getTypeParser(1007)("{1,NULL,3}"),
    numeric: pg.types.getTypeParser(1700)("10.50"),
    identifier: pg.escapeIdentifier('a"b'),
    literal: pg.escapeLiteral("l'agua"),
  }),
});
