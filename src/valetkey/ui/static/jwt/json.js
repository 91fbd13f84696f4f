// A JSON reader that tells duplicate members, and shows a text as it was written (RFC 8259; RFC 7515, 4).

export const MAXIMUM_DEPTH = 32;
const DEEPEST_READ = 200;
const LITERALS = [
  ["true", true], ["false", false], ["null", null],
  // Some readers take these, so a lenient one has to show them.
  ["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity],
];
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
const STRING = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
// They would let a text look like another one.
const DISGUISES = /[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.duplicates = new Set();
  }

  whole() {
    const read = this.value(0);
    this.space();
    if (this.at !== this.text.length) throw new SyntaxError("text after the value");
    return read;
  }

  space() {
    this.match(SPACE);
  }

  match(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (found === null) return null;
    this.at = pattern.lastIndex;
    return found[0];
  }

  takes(character) {
    this.space();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  demand(character) {
    if (!this.takes(character)) throw new SyntaxError(`no ${character}`);
  }

  // Returns the value and its text, laid out for the eye.
  value(depth) {
    if (depth > DEEPEST_READ) throw new SyntaxError("too deep");
    if (this.takes("{")) return this.object(depth);
    if (this.takes("[")) return this.array(depth);
    if (this.text[this.at] === '"') return this.string();
    for (const [word, value] of LITERALS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return { value, shown: word };
      }
    }
    const number = this.match(NUMBER);
    if (number === null) throw new SyntaxError("no value");
    return { value: Number(number), shown: number };
  }

  string() {
    const written = this.match(STRING);
    if (written === null) throw new SyntaxError("no string");
    return { value: JSON.parse(written), shown: written.replace(DISGUISES, escaped) };
  }

  object(depth) {
    const value = Object.create(null);
    const lines = [];
    if (this.takes("}")) return { value, shown: "{}" };
    do {
      this.space();
      const name = this.string();
      this.demand(":");
      const inner = this.value(depth + 1);
      if (Object.hasOwn(value, name.value)) this.duplicates.add(name.value);
      value[name.value] = inner.value;
      lines.push(`${indent(depth + 1)}${name.shown}: ${inner.shown}`);
    } while (this.takes(","));
    this.demand("}");
    return { value, shown: `{\n${lines.join(",\n")}\n${indent(depth)}}` };
  }

  array(depth) {
    const value = [];
    const lines = [];
    if (this.takes("]")) return { value, shown: "[]" };
    do {
      const inner = this.value(depth + 1);
      value.push(inner.value);
      lines.push(indent(depth + 1) + inner.shown);
    } while (this.takes(","));
    this.demand("]");
    return { value, shown: `[\n${lines.join(",\n")}\n${indent(depth)}]` };
  }
}

const indent = (depth) => "  ".repeat(depth);
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

// Returns `value`, `shown` and the names of `duplicates`; of a member that comes twice, the last one counts.
// Null where the text is no JSON.
export function readJson(text) {
  const reader = new Reader(text);
  try {
    const { value, shown } = reader.whole();
    return { value, shown, duplicates: [...reader.duplicates] };
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

// Tells whether a text is JSON as the specification has it: the lenient reader takes NaN and Infinity too.
export function isStrictJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
export const has = (members, name) => Object.hasOwn(members, name);

export function isTooDeep(value, most = MAXIMUM_DEPTH) {
  if (typeof value !== "object" || value === null) return most < 0;
  return most < 0 || Object.values(value).some((inner) => isTooDeep(inner, most - 1));
}
