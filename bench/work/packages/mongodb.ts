import { MongoClient } from "mongodb";

const client = new MongoClient("mongodb://db.internal/ventas");

export default { fetch: () => Response.json(client.db().databaseName) };
