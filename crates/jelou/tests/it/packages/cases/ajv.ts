// packages: ajv@8.20.0
// kind: Validation
// shows: a schema that becomes code at run time
// input: {"edad":"x"}
// answer: {"valid":false,"where":"/edad","message":"must be integer"}
// short: true
import { Ajv } from "ajv";
import { define } from "@jelou/functions";

const validate = new Ajv().compile({
  type: "object",
  properties: { edad: { type: "integer" } },
  required: ["edad"],
});

export default define({
  description: "A check by Ajv",
  handler: (input) => {
    const valid = validate(input);
    const [error] = validate.errors ?? [];
    return { valid, where: error?.instancePath, message: error?.message };
  },
});
