import { strictEqual as same } from "node:assert/strict";
import { jsonFault } from "../src/worker/json_fault.ts";

Deno.test("the fault of a text that is no JSON has its place and a name", () => {
  const faults: Record<string, string> = {
    '{"a":1,}': "no comma may stand before } (line 1, column 8)",
    "[1,\n2,]": "no comma may stand before ] (line 2, column 3)",
    "{'a':1}": "texts and property names have double quotes (line 1, column 2)",
    "{a:1}": "a property name in double quotes is missing (line 1, column 2)",
    "{“a”:1}": "a property name in double quotes is missing (line 1, column 2)",
    '{"a":True}': "JSON knows only true, false, null and finite numbers (line 1, column 6)",
    '{"a":NaN}': "JSON knows only true, false, null and finite numbers (line 1, column 6)",
    '{"a":"x"': "it ends too early: } is missing (line 1, column 9)",
    '{"a":"x': 'it ends too early: a closing " is missing (line 1, column 8)',
    '{"a" 1}': "a property name is followed by a colon (line 1, column 6)",
    '{"a":1 "b":2}': "a comma or } is missing (line 1, column 8)",
    '{"a":1}{"a":2}': "the JSON has ended, and something follows (line 1, column 8)",
    '{"a":\n "x\ny"}':
      "a line break or control character inside a text is written as \\n or \\u00XX (line 2, column 4)",
    '{"a":"C:\\dir"}': "this escape does not exist in JSON (line 1, column 9)",
    '{"a":0593}': "a number has no leading zero, plus sign or bare point (line 1, column 6)",
    '{"a":1, // x': "JSON has no comments (line 1, column 9)",
    "\uFFFD\uFFFD{\0": "it is not UTF-8: convert it, or name its charset in the Content-Type",
  };
  for (const [text, fault] of Object.entries(faults)) same(jsonFault(text), fault, text);
});

Deno.test("the scanner of faults agrees with the parser, for every edit of one character", () => {
  const text = '{"a":[1,-2.5e3,{"b":null,"c":true}],"d":"x\\u00e9\\n","e":{}}';
  for (let at = 0; at < text.length; at++) {
    for (const character of ["", ...'x",}]{[: \n\\0']) {
      const edited = text.slice(0, at) + character + text.slice(at + 1);
      let isJson = true;
      try {
        JSON.parse(edited);
      } catch {
        isJson = false;
      }
      same(jsonFault(edited).startsWith("it does not parse"), isJson, edited);
    }
  }
});

Deno.test("a long text that is no JSON keeps nobody waiting", () => {
  const longest = 256 * 1024;
  for (const unit of ["[", '{"a":', "1,", "{},", '"\\n', "x"]) {
    for (const count of [longest / unit.length - 1, 10_000_000 / unit.length]) {
      const text = "[" + unit.repeat(count);
      const start = performance.now();
      jsonFault(text);
      const took = performance.now() - start;
      same(took < 1_000, true, `${unit}: ${took} ms`);
    }
  }
});
