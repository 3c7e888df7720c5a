// packages: drizzle-orm@0.45.4
// kind: Databases
// shows: a query built from a table
// input: {}
// answer: {"sql":"select \"id\", \"total\" from \"pedidos\" where (\"pedidos\".\"id\" = $1 and \"pedidos\".\"total\" > $2) order by \"pedidos\".\"id\" desc","params":[7,10]}
import { and, desc, eq, gt } from "drizzle-orm";
import { integer, pgTable, QueryBuilder, serial } from "drizzle-orm/pg-core";
import { define } from "@jelou/functions";

const orders = pgTable("pedidos", { id: serial().primaryKey(), total: integer() });

export default define({
  description: "A query of Drizzle",
  handler: () => {
    const wanted = and(eq(orders.id, 7), gt(orders.total, 10));
    const { sql, params } = new QueryBuilder().select().from(orders).where(wanted).orderBy(desc(orders.id))
      .toSQL();
    return { sql, params };
  },
});
