// RE2's patterns, in which ONNX's are written, as regular expressions of JavaScript that match the same texts.
import { modelError, unsupported } from "../import-error.ts";

/** What RE2's classes stand for where JavaScript's are wider, or are not there, as parts of a bracket expression. */
const named: { readonly [name: string]: string } = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  ascii: "\\x00-\\x7f",
  blank: "\\t ",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "!-~",
  lower: "a-z",
  print: " -~",
  punct: "!-\\/:-@\\[-`\\{-~",
  space: "\\t\\n\\v\\f\\r ",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};
const blanks = "\\t\\n\\f\\r ";
/** Escapes that mean the same in both. */
const shared = /[dDwWbBtnrfv]/;

const refused = (pattern: string, what: string): Error =>
  unsupported(
    `pattern ${JSON.stringify(pattern)} has ${what}, which RE2's syntax does not have, or nothing here reads`,
  );

/** A character that stands for itself. */
const literal = (character: string): string => character.replace(/[\^$\\.*+?()[\]{}|/]/u, "\\$&");
/** One in a bracket expression, where a sign between others would make a range. */
const member = (character: string): string => (character === "-" ? "\\-" : literal(character));

/** The escape at the beginning of a text that follows a backslash, and how much of it that is. */
function escaped(pattern: string, rest: string, inClass: boolean): readonly [string, number] {
  const [first] = rest;
  if (first === undefined) throw modelError(`pattern ${JSON.stringify(pattern)} ends with a backslash`);
  const property = /^([pP])(\{\^?\w+\}|\w)/.exec(rest);
  if (property) {
    const name = property[2]!.replace(/[{}]/g, "");
    if (name.startsWith("^")) throw refused(pattern, `\\${property[0]}`);
    // Scripts have longer names than categories.
    return [`\\${property[1]}{${name.length > 2 ? `Script=${name}` : name}}`, property[0].length];
  }
  const code = /^x(?:\{([0-9A-Fa-f]+)\}|([0-9A-Fa-f]{2}))/.exec(rest);
  if (code) return [`\\u{${code[1] ?? code[2]}}`, code[0].length];
  if (first === "s") return [inClass ? blanks : `[${blanks}]`, 1];
  if (first === "S" && !inClass) return [`[^${blanks}]`, 1];
  if (first === "a") return ["\\x07", 1];
  if (first === "A" && !inClass) return ["(?<![\\s\\S])", 1];
  if (first === "z" && !inClass) return ["(?![\\s\\S])", 1];
  if (shared.test(first) && !(inClass && /[bB]/.test(first))) return [`\\${first}`, 1];
  if (/[^0-9A-Za-z]/.test(first)) {
    const whole = String.fromCodePoint(rest.codePointAt(0)!);
    return [inClass ? member(whole) : literal(whole), whole.length];
  }
  throw refused(pattern, `\\${first}`);
}

/** A bracket expression from its beginning, and how much of the text it is. */
function bracket(pattern: string, rest: string): readonly [string, number] {
  let at = rest.startsWith("[^") ? 2 : 1;
  let made = rest.slice(0, at);
  const start = at;
  for (;;) {
    const here = rest.slice(at);
    if (here === "") throw modelError(`pattern ${JSON.stringify(pattern)} has a bracket that nothing closes`);
    if (here.startsWith("]") && at > start) return [`${made}]`, at + 1];
    const kind = /^\[:(\w+):\]/.exec(here);
    if (kind) {
      if (!Object.hasOwn(named, kind[1]!)) throw refused(pattern, kind[0]);
      made += named[kind[1]!];
      at += kind[0].length;
    } else if (here.startsWith("\\")) {
      const [text, length] = escaped(pattern, here.slice(1), true);
      made += text;
      at += 1 + length;
    } else {
      const character = String.fromCodePoint(here.codePointAt(0)!);
      // A range keeps its sign; all else that JavaScript would read otherwise stands for itself.
      made += character === "-" && at > start && !here.startsWith("-]") ? "-" : member(character);
      at += character.length;
    }
  }
}

/** Whether all of a text matches a pattern of RE2. Throws `import/unsupported`, `import/model` for what is none. */
export function fullMatch(pattern: string): (text: string) => boolean {
  const leading = /^\(\?([ims]+)\)/.exec(pattern);
  let made = "";
  for (let at = leading?.[0].length ?? 0; at < pattern.length; ) {
    const rest = pattern.slice(at);
    const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(rest);
    const group = /^\(\?(?:P?<(\w+)>|:)/.exec(rest);
    if (quoted) {
      made += Array.from(quoted[1]!, literal).join("");
      at += quoted[0].length;
    } else if (rest.startsWith("\\")) {
      const [text, length] = escaped(pattern, rest.slice(1), false);
      made += text;
      at += 1 + length;
    } else if (rest.startsWith("[")) {
      const [text, length] = bracket(pattern, rest);
      made += text;
      at += length;
    } else if (group) {
      made += group[1] === undefined ? "(?:" : "(";
      at += group[0].length;
    } else if (rest.startsWith("(?")) {
      throw refused(pattern, rest.slice(0, 4));
    } else {
      made += rest[0];
      at++;
    }
  }
  try {
    const all = new RegExp(`(?<![\\s\\S])(?:${made})(?![\\s\\S])`, `u${leading?.[1] ?? ""}`);
    return (text) => all.test(text);
  } catch (cause) {
    throw modelError(`${JSON.stringify(pattern)} is no pattern`, "write it in RE2's syntax", { cause });
  }
}
