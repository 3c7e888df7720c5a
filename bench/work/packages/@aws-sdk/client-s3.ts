import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({ region: "us-east-1" });

export default {
  fetch: () => {
    const command = new GetObjectCommand({ Bucket: "b", Key: "k" });
    return Response.json([typeof s3.send, command.input.Key]);
  },
};
