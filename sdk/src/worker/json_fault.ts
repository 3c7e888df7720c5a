/**
 * Finds the position where a text stops being JSON (RFC 8259), and the probable mistake.
 *
 * For some errors, `JSON.parse` gives no position; for others, it quotes the text. This scanner runs only after
 * `JSON.parse` has failed.
 *
 * @module
 */
import { includes, indexOf, matches, slice } from "./primordials.ts";

/** Maximum length of a text that is scanned, in characters. A longer scan would delay other calls. */
const MAX_SCANNED = 256 * 1024;

type Expected = "value" | "value or ]" | "name" | "name or }" | ":" | ", or end" | "nothing";

/** Describes the first error of a text that is not JSON, and its position. Does not quote the text. */
export function jsonFault(text: string): string {
  if (includes(slice(text, 0, 100), "\0") || text[0] === "\uFFFD") return NOT_UTF8;
  if (text.length > MAX_SCANNED) return "it does not parse";
  const scanner = new Scanner(text);
  return `${scanner.fault()} (${placeOf(text, scanner.at)})`;
}

export const NOT_UTF8 = "it is not UTF-8: convert it, or name its charset in the Content-Type";
const QUOTES = "texts and property names have double quotes";

class Scanner {
  readonly #text: string;
  /** The open objects and lists, as the characters that close them; `#depth` of them count. */
  readonly #open: string[] = [];
  #depth = 0;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Scans to the first error and describes it. */
  fault(): string {
    let expected: Expected = "value";
    for (;;) {
      while (matches(BLANK, this.#char())) this.at++;
      const next = this.#step(expected);
      if (typeof next === "object") return next.problem;
      expected = next;
    }
  }

  #char(): string {
    return this.#text[this.at] ?? "";
  }

  #step(expected: Expected): Expected | Problem {
    const char = this.#char();
    if (char === "") return this.#atEnd(expected);
    switch (expected) {
      case "nothing":
        return fault("the JSON has ended, and something follows");
      case ":":
        return this.#take(char === ":", "value", "a property name is followed by a colon");
      case ", or end":
        return this.#afterValue(char);
      case "name":
      case "name or }":
        if (char === "}" && expected === "name or }") return this.#close();
        if (char === "}") return fault("no comma may stand before }");
        if (char === '"') return this.#string(":");
        if (char === "'") return fault(QUOTES);
        return fault(commentOr(char, "a property name in double quotes is missing"));
      default:
        if (char === "]" && expected === "value or ]") return this.#close();
        return this.#value(char);
    }
  }

  #atEnd(expected: Expected): Problem {
    if (this.#depth > 0) return fault(`it ends too early: ${this.#open[this.#depth - 1]} is missing`);
    return fault(expected === "nothing" ? "it does not parse" : "it has no value");
  }

  #take(isThere: boolean, next: Expected, problem: string): Expected | Problem {
    if (!isThere) return fault(problem);
    this.at++;
    return next;
  }

  #close(): Expected {
    this.at++;
    this.#depth--;
    return this.#after();
  }

  /** Returns what may follow a complete value. */
  #after(): Expected {
    return this.#depth === 0 ? "nothing" : ", or end";
  }

  #afterValue(char: string): Expected | Problem {
    const end = this.#open[this.#depth - 1]!;
    if (char === end) return this.#close();
    return this.#take(
      char === ",",
      end === "}" ? "name" : "value",
      commentOr(char, `a comma or ${end} is missing`),
    );
  }

  #value(char: string): Expected | Problem {
    if (char === "{" || char === "[") {
      this.at++;
      this.#open[this.#depth++] = char === "{" ? "}" : "]";
      return char === "{" ? "name or }" : "value or ]";
    }
    if (char === '"') return this.#string(this.#after());
    if (char === "'") return fault(QUOTES);
    if (char === "]") return fault("no comma may stand before ]");
    const read = this.#word();
    if (matches(LITERAL, read)) {
      this.at += read.length;
      return this.#after();
    }
    if (matches(OTHER_LITERAL, read)) return fault("JSON knows only true, false, null and finite numbers");
    if (matches(OTHER_NUMBER, read)) return fault("a number has no leading zero, plus sign or bare point");
    return fault(commentOr(char, "a value is missing: texts have double quotes"));
  }

  /** Returns the text up to the next delimiter, without moving. */
  #word(): string {
    let end = this.at;
    while (end < this.#text.length && !matches(DELIMITER, this.#text[end]!)) end++;
    return slice(this.#text, this.at, end);
  }

  /** Moves past a string. */
  #string(next: Expected): Expected | Problem {
    for (this.at++; this.at < this.#text.length; this.at++) {
      const char = this.#text[this.at]!;
      if (char === '"') {
        this.at++;
        return next;
      }
      if (char < " ") {
        return fault("a line break or control character inside a text is written as \\n or \\u00XX");
      }
      if (char !== "\\") continue;
      if (!matches(ESCAPE, slice(this.#text, this.at, this.at + 6))) {
        return fault("this escape does not exist in JSON");
      }
      this.at++;
    }
    return fault('it ends too early: a closing " is missing');
  }
}

interface Problem {
  readonly problem: string;
}

function fault(problem: string): Problem {
  return { problem };
}

function commentOr(char: string, problem: string): string {
  return char === "/" || char === "#" ? "JSON has no comments" : problem;
}

const DELIMITER = /^[\s,\]}:]$/;
const BLANK = /^[ \t\r\n]$/;
const LITERAL = /^(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)$/;
const OTHER_LITERAL = /^(?:true|false|null|none|undefined|nan|-?infinity)$/i;
const OTHER_NUMBER = /^[+-]?(?:0\d+|\d+\.?|\.\d+|\d+\.\d+)$/;
const ESCAPE = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/;

function placeOf(text: string, at: number): string {
  let line = 1;
  let start = 0;
  for (let end = indexOf(text, "\n"); end >= 0 && end < at; end = indexOf(text, "\n", start)) {
    line++;
    start = end + 1;
  }
  return `line ${line}, column ${at - start + 1}`;
}
