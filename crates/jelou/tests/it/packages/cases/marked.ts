// packages: marked@18.2.1
// kind: Parsing
// shows: Markdown as HTML
// input: {"md":"# Hola\n\n- *uno*\n- dos"}
// answer: {"html":"<h1>Hola</h1>\n<ul>\n<li><em>uno</em></li>\n<li>dos</li>\n</ul>\n"}
import { marked } from "marked";
import { define, z } from "@jelou/functions";

export default define({
  description: "Markdown by Marked",
  input: z.object({ md: z.string() }),
  handler: ({ md }) => ({ html: marked.parse(md) }),
});
