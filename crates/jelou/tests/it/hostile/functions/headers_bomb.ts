// Answers with more headers than allowed.
import { define } from "@jelou/functions";

export default define({
  description: "headers_bomb",
  config: { public: true },
  handler: () => {
    const headers = new Headers();
    for (let number = 0; number < 500; number++) headers.append(`x-${number}`, "x");
    return new Response("x", { headers });
  },
});
