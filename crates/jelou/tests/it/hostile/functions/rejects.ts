// Leaves a rejected promise and a thrown error unhandled.
import { define } from "@jelou/functions";

export default define({
  description: "rejects",
  config: { public: true },
  handler: () => {
    Promise.reject(new Error("left to nobody"));
    setTimeout(() => {
      throw new Error("thrown to nobody");
    }, 0);
    return "answered";
  },
});
