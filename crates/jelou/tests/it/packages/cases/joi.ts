// packages: joi@18.3.2
// kind: Validation
// shows: a schema with a default and its errors
// input: {"correo":"no"}
// answer: {"errors":["\"correo\" must be a valid email"],"value":{"correo":"ana@example.com","plan":"oro"}}
import Joi from "joi";
import { define } from "@jelou/functions";

const schema = Joi.object({ correo: Joi.string().email().required(), plan: Joi.string().default("oro") });

export default define({
  description: "A check by Joi",
  handler: (input) => ({
    errors: schema.validate(input).error?.details.map(({ message }) => message),
    value: schema.validate({ correo: "ana@example.com" }).value,
  }),
});
