// packages: cheerio@1.2.0
// kind: Parsing
// shows: values from a page
// input: {"html":"<ul><li class=p>Pan <b>1.50</b></li><li class=p>Agua <b>0.60</b></li></ul>"}
// answer: {"prices":["1.50","0.60"],"html":"<li class=\"p caro\">Pan <b>1.50</b></li>"}
// short: true
import * as cheerio from "cheerio";
import { define, z } from "@jelou/functions";

export default define({
  description: "Values of a page by Cheerio",
  input: z.object({ html: z.string() }),
  handler: ({ html }) => {
    const $ = cheerio.load(html);
    const prices = $("li.p b").map((_, element) => $(element).text()).get();
    $("li").first().addClass("caro");
    return { prices, html: $.html($("li").first()) };
  },
});
