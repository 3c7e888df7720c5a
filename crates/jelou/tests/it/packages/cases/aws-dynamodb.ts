// packages: @aws-sdk/client-dynamodb@3.1169.0
// kind: Clouds
// shows: a signed request, and an answer in JSON
// input: {}
// answer: {"total":"10.5","asked":"{\"TableName\":\"pedidos\",\"Key\":{\"id\":{\"S\":\"7\"}}}","signed":"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE"}
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { define } from "@jelou/functions";

const dynamo = new DynamoDBClient({
  region: "us-east-1",
  endpoint: "https://peer.fn.localhost",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
});

export default define({
  description: "A request of DynamoDB's client",
  handler: async () => {
    const key = { TableName: "pedidos", Key: { id: { S: "7" } } };
    const { Item } = await dynamo.send(new GetItemCommand(key));
    return { total: Item?.total.N, asked: Item?.asked.S, signed: Item?.signed.S?.split("/")[0] };
  },
});
