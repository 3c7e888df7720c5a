// packages: handlebars@4.7.10
// kind: Parsing
// shows: a template with a helper
// input: {"nombre":"<Ana>","lineas":[1,2]}
// answer: {"html":"Hola &lt;Ana&gt;: 2 4 "}
import Handlebars from "handlebars";
import { define } from "@jelou/functions";

Handlebars.registerHelper("doble", (value: number) => value * 2);
const template = Handlebars.compile("Hola {{nombre}}: {{#each lineas}}{{doble this}} {{/each}}");

export default define({
  description: "A template of Handlebars",
  handler: (input) => ({ html: template(input) }),
});
