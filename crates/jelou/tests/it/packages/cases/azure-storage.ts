// packages: @azure/storage-blob@12.32.0
// kind: Clouds
// shows: a signed address of a file
// input: {}
// answer: {"signature":"6pLuwtZ//44t7bMoqJf2Xy197rbSnY84QAlOSSqpz1o="}
import {
  BlobSASPermissions,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from "@azure/storage-blob";
import { define } from "@jelou/functions";

export default define({
  description: "A signed address of Azure's storage",
  handler: () => {
    const values = {
      containerName: "fotos",
      blobName: "a.png",
      permissions: BlobSASPermissions.parse("r"),
      startsOn: new Date("2026-01-01T00:00:00Z"),
      expiresOn: new Date("2026-01-02T00:00:00Z"),
      version: "2024-08-04",
    };
    const credential = new StorageSharedKeyCredential("tienda", btoa("a secret key"));
    return { signature: generateBlobSASQueryParameters(values, credential).signature };
  },
});
