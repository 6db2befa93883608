// RE2's patterns, in which ONNX's are written: their characters are tested by JavaScript's engine, and followed as RE2 does.
import { modelError, unsupported } from "../import-error.ts";
import { sizeLimit } from "../limits.ts";

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

/** A part of a pattern: what is one step, parts one after the other, one of several, or one so often. */
type Part =
  | { readonly kind: "step"; readonly step: RegExp }
  | { readonly kind: "row"; readonly parts: readonly Part[] }
  | { readonly kind: "choice"; readonly parts: readonly Part[] }
  | { readonly kind: "repeat"; readonly part: Part; readonly least: number; readonly most: number };

/** How often a part may be repeated, and how deep groups may stand, both as in RE2. */
const mostRepeats = 1000;
const deepest = 1000;
/** Steps that a pattern may have, its repeats written out. */
const mostSteps = 10_000;

const bad = (pattern: string, cause?: unknown): Error =>
  modelError(`${JSON.stringify(pattern)} is no pattern`, "write it in RE2's syntax", { cause });

/** Reads a pattern of RE2. */
class Reader {
  readonly #pattern: string;
  readonly #flags: string;
  #at: number;
  #depth = 0;

  constructor(pattern: string) {
    const leading = /^\(\?([ims]+)\)/.exec(pattern);
    this.#pattern = pattern;
    this.#flags = leading?.[1] ?? "";
    this.#at = leading?.[0].length ?? 0;
  }

  whole(): Part {
    const part = this.#choice();
    if (this.#at < this.#pattern.length) throw bad(this.#pattern);
    return part;
  }

  get #rest(): string {
    return this.#pattern.slice(this.#at);
  }

  /** Parts up to the end of the group, or of the pattern. */
  #choice(): Part {
    const parts: Part[] = [];
    let row: Part[] = [];
    for (;;) {
      const sign = this.#pattern[this.#at];
      if (sign === "|") {
        this.#at++;
        parts.push({ kind: "row", parts: row });
        row = [];
      } else if (sign === undefined || sign === ")") {
        return { kind: "choice", parts: [...parts, { kind: "row", parts: row }] };
      } else {
        row.push(...this.#pieces());
      }
    }
  }

  /** The next piece with its repeat; of quoted text, each character. */
  #pieces(): Part[] {
    const quoted = /^\\Q([\s\S]*?)(?:\\E|$)/.exec(this.#pattern.startsWith("\\Q", this.#at) ? this.#rest : "");
    if (quoted) {
      this.#at += quoted[0].length;
      const steps = Array.from(quoted[1]!, (each) => this.#step(literal(each)));
      return steps.length === 0 ? [] : [...steps.slice(0, -1), this.#repeated(steps.at(-1)!)];
    }
    return [this.#repeated(this.#one())];
  }

  #repeated(part: Part): Part {
    const found = /^(?:[*+?]|\{(\d+)(,?)(\d*)\})/.exec(this.#pattern.slice(this.#at, this.#at + 24));
    if (!found) return part;
    this.#at += found[0].length;
    // Whether as few or as many as may be makes no difference to whether all of a text matches.
    if (this.#pattern[this.#at] === "?") this.#at++;
    if (/^[*+?]|^\{\d+,?\d*\}/.test(this.#pattern.slice(this.#at, this.#at + 24))) throw bad(this.#pattern);
    const [sign, low, comma, high] = found;
    const least = low === undefined ? Number(sign === "+") : Number(low);
    const open = low === undefined ? sign !== "?" : comma !== "" && high === "";
    const most = open ? Number.POSITIVE_INFINITY : low === undefined ? 1 : Number(comma === "" ? low : high);
    if (least > mostRepeats || (!open && (most > mostRepeats || most < least))) throw bad(this.#pattern);
    return { kind: "repeat", part, least, most };
  }

  #one(): Part {
    const sign = this.#pattern[this.#at]!;
    if (sign === "\\" || sign === "[") {
      const [text, length] =
        sign === "[" ? bracket(this.#pattern, this.#rest) : escaped(this.#pattern, this.#rest.slice(1), false);
      this.#at += sign === "[" ? length : 1 + length;
      return this.#step(text);
    }
    if (sign === "(") return this.#group();
    if (/[*+?]/.test(sign)) throw bad(this.#pattern);
    if (sign === ".") {
      this.#at++;
      return this.#step(this.#flags.includes("s") ? "[\\s\\S]" : "[^\\n]");
    }
    const character = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    this.#at += character.length;
    return this.#step(/[\^$]/.test(character) ? character : literal(character));
  }

  #group(): Part {
    const found = /^\((?:\?(?:P?<\w+>|:))?/.exec(this.#pattern.slice(this.#at, this.#at + 64))![0];
    this.#at += found.length;
    if (found === "(" && this.#pattern[this.#at] === "?") throw refused(this.#pattern, `(${this.#rest.slice(0, 3)}`);
    if (++this.#depth > deepest) throw bad(this.#pattern);
    const part = this.#choice();
    if (this.#pattern[this.#at] !== ")") throw bad(this.#pattern);
    this.#at++;
    this.#depth--;
    return part;
  }

  /** One character, or a place between characters. */
  #step(text: string): Part {
    try {
      return { kind: "step", step: new RegExp(text, `uy${this.#flags.replace("s", "")}`) };
    } catch (cause) {
      throw bad(this.#pattern, cause);
    }
  }
}

/** A place in a pattern: the step from there on, if it is one, and what may come next. */
interface Place {
  readonly step?: RegExp;
  readonly next: Place[];
}

/** The places of a pattern, made from its end on. */
class Places {
  readonly #pattern: string;
  #count = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  #place(place: Place): Place {
    if (++this.#count <= mostSteps) return place;
    throw sizeLimit(`pattern ${JSON.stringify(this.#pattern.slice(0, 64))} has more than ${mostSteps} steps`);
  }

  from(part: Part, next: Place): Place {
    switch (part.kind) {
      case "step":
        return this.#place({ step: part.step, next: [next] });
      case "row":
        return part.parts.reduceRight((behind, each) => this.from(each, behind), next);
      case "choice":
        return this.#place({ next: part.parts.map((each) => this.from(each, next)) });
      case "repeat": {
        let behind = next;
        if (part.most === Number.POSITIVE_INFINITY) {
          const again = this.#place({ next: [next] });
          again.next.push(this.from(part.part, again));
          behind = again;
        } else {
          for (let at = part.least; at < part.most; at++)
            behind = this.#place({ next: [next, this.from(part.part, behind)] });
        }
        for (let at = 0; at < part.least; at++) behind = this.from(part.part, behind);
        return behind;
      }
    }
  }
}

/**
 * Whether all of a text matches a pattern of RE2, in time that grows with the text's length: all places that a pattern may be at
 * are followed at once. Throws `import/unsupported`, `import/size-limit`, and `import/model` for what is none.
 */
export function fullMatch(pattern: string): (text: string) => boolean {
  const end: Place = { next: [] };
  const start = new Places(pattern).from(new Reader(pattern).whole(), end);
  return (text) => {
    let places = new Set([start]);
    for (let at = 0; at <= text.length; ) {
      const ahead = new Set<Place>();
      // Grows while it is walked: what is reached without a character stands here too.
      for (const { step, next } of places) {
        if (step) step.lastIndex = at;
        const length = step ? step.exec(text)?.[0].length : 0;
        if (length !== undefined) for (const each of next) (length === 0 ? places : ahead).add(each);
      }
      if (at === text.length) return places.has(end);
      at += String.fromCodePoint(text.codePointAt(at)!).length;
      places = ahead;
    }
    return false;
  };
}
