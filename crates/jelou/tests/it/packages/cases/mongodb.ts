// packages: mongodb@7.9.0
// kind: Databases
// shows: a client that is made at the top of the module, and BSON there and back
// input: {}
// answer: {"database":"ventas","id":"65f000000000000000000001","bytes":45,"total":"10.50"}
// short: true
import { BSON, Decimal128, MongoClient, ObjectId } from "mongodb";
import { define } from "@jelou/functions";

const client = new MongoClient("mongodb://db.internal:27017/ventas?appName=tienda");

export default define({
  description: "MongoDB's client without a connection",
  handler: () => {
    const document = { _id: new ObjectId("65f000000000000000000001"), total: Decimal128.fromString("10.50") };
    const bytes = BSON.serialize(document);
    const back = BSON.deserialize(bytes);
    return {
      database: client.db().databaseName,
      id: back._id.toHexString(),
      bytes: bytes.length,
      total: back.total.toString(),
    };
  },
});
