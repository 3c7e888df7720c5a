// packages: knex@3.3.0
// kind: Databases
// shows: a query of the dialect of PostgreSQL, though no driver is installed
// input: {}
// answer: {"sql":"select \"id\" from \"pedidos\" where \"total\" > 10 and \"nota\" = 'l''agua' order by \"id\" asc limit 5"}
import knex from "knex";
import { define } from "@jelou/functions";

export default define({
  description: "A query of Knex",
  handler: () => {
    const query = knex({ client: "pg" })("pedidos").select("id").where("total", ">", 10)
      .where({ nota: "l'agua" }).orderBy("id").limit(5);
    return { sql: query.toString() };
  },
});
