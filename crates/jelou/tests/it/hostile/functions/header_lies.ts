// Answers with headers of the platform, and with false headers.
import { define } from "@jelou/functions";

export default define({
  description: "header_lies",
  config: { public: true },
  handler: () =>
    new Response("body", {
      headers: {
        "x-jelou-request-id": "forged",
        "x-request-id": "forged",
        "x-content-type-options": "none",
        "x-frame-options": "ALLOWALL",
        "referrer-policy": "unsafe-url",
        "connection": "x-secret, close",
        "transfer-encoding": "gzip, chunked",
        "content-length": "3",
        "keep-alive": "timeout=1000",
      },
    }),
});
