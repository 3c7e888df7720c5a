// packages: @aws-sdk/client-s3@3.1175.0
// kind: Clouds
// shows: a signed request, and an answer in XML
// input: {}
// answer: {"buckets":["facturas","fotos"],"owner":"ana"}
// short: true
import { ListBucketsCommand, S3Client } from "@aws-sdk/client-s3";
import { define } from "@jelou/functions";

const s3 = new S3Client({
  region: "us-east-1",
  endpoint: "https://peer.fn.localhost",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
});

export default define({
  description: "A request of S3's client",
  handler: async () => {
    const { Buckets, Owner } = await s3.send(new ListBucketsCommand({}));
    return { buckets: Buckets?.map(({ Name }) => Name), owner: Owner?.DisplayName };
  },
});
