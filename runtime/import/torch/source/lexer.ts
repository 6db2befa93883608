// Cuts a file of TorchScript into tokens; the ends of lines and the steps of indentation are tokens among them.
import { type Place, sourceError } from "./place.ts";

export type Token = { readonly at: Place; readonly text: string } & (
  | { readonly kind: "name" }
  /** A keyword, or a sign. */
  | { readonly kind: "word" }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "float" | "imaginary"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  /** Their text says what they are. */
  | { readonly kind: "line" | "indent" | "dedent" | "end" }
);

/** What PyTorch's reader keeps for itself; `lambda`, `try` and others that the language lacks are names to it. */
const keywords = new Set([
  ...["and", "as", "assert", "break", "class", "continue", "def", "del", "elif", "else", "for", "global", "if"],
  ...["import", "in", "is", "not", "or", "pass", "raise", "return", "while", "with", "True", "False", "None"],
]);

/** Digits of the widest integer, which is 2^63: a minus before it makes it one of 64 bits. */
const mostDigits = 19;
const widest = 2n ** 63n;

const blank = /[ \t\r\f\v]*(?:#[^\n]*)?/y;
const name = /[A-Za-z_][A-Za-z0-9_]*/y;
const number = /(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?j?/y;
const sign = /\*\*=?|<<=?|>>=?|\/\/|->|[=!<>]=|[-+*/%|&^]=|[-+*/%@()[\]:,={}<>.&|^~]/y;
const octal = /[01][0-7][0-7]/y;
const escapes = new Map(
  Object.entries({
    "\\": "\\",
    "'": "'",
    '"': '"',
    a: "\u0007",
    b: "\b",
    f: "\f",
    n: "\n",
    r: "\r",
    t: "\t",
    v: "\v",
  }),
);

function matchAt(pattern: RegExp, text: string, position: number): string | undefined {
  pattern.lastIndex = position;
  return pattern.exec(text)?.[0];
}

/** The tokens of a file, one after the other, so that never all of them are held. Throws `import/torch-source`. */
export function* tokensOf(text: string, file: string): Generator<Token, undefined> {
  const indents = [0];
  let position = 0;
  let line = 1;
  let lineStart = 0;
  let brackets = 0;
  let isFresh = true;
  const place = (of = position): Place => ({ line, column: of - lineStart + 1 });

  for (;;) {
    position += matchAt(blank, text, position)?.length ?? 0;
    const at = place();
    if (position === text.length) break;
    if (text[position] === "\n") {
      position++;
      line++;
      lineStart = position;
      if (isFresh || brackets > 0) continue;
      isFresh = true;
      yield { kind: "line", at, text: "the end of the line" };
      continue;
    }
    if (isFresh) {
      isFresh = false;
      const width = position - lineStart;
      if (width > indents.at(-1)!) {
        indents.push(width);
        yield { kind: "indent", at, text: "a line that is indented further" };
      }
      while (width < indents.at(-1)!) {
        indents.pop();
        yield { kind: "dedent", at, text: "the end of the block" };
      }
      if (width !== indents.at(-1)) throw sourceError("this line is indented as no block around it is", file, at);
    }
    const token = tokenAt(text, position, at, file);
    position += token.text.length;
    if (token.kind === "word") {
      if ("([{".includes(token.text)) brackets++;
      else if (")]}".includes(token.text)) brackets = Math.max(0, brackets - 1);
    }
    yield token;
  }
  const at = place();
  if (!isFresh) yield { kind: "line", at, text: "the end of the line" };
  for (const _ of indents.slice(1)) yield { kind: "dedent", at, text: "the end of the block" };
  yield { kind: "end", at, text: "the end of the file" };
}

function tokenAt(source: string, position: number, at: Place, file: string): Token {
  const word = matchAt(name, source, position);
  if (word !== undefined) return { kind: keywords.has(word) ? "word" : "name", at, text: word };
  const digits = matchAt(number, source, position);
  if (digits !== undefined) return numberToken(digits, at, file);
  const first = source[position]!;
  if (first === '"' || first === "'") return stringToken(source, position, at, file);
  const text = matchAt(sign, source, position);
  if (text !== undefined) return { kind: "word", at, text };
  throw sourceError(
    `expected a name, a number, a text or a sign, found ${JSON.stringify(String.fromCodePoint(source.codePointAt(position)!))}`,
    file,
    at,
  );
}

function numberToken(text: string, at: Place, file: string): Token {
  if (text.endsWith("j")) return { kind: "imaginary", at, text, value: Number(text.slice(0, -1)) };
  if (/[.eE]/.test(text)) return { kind: "float", at, text, value: Number(text) };
  if (/^0[0-9]/.test(text)) throw sourceError("expected an integer without zeros before it", file, at);
  const value = text.length > mostDigits ? undefined : BigInt(text);
  if (value === undefined || value > widest) throw sourceError("expected an integer of 64 bits", file, at);
  return { kind: "integer", at, text, value };
}

/** A text ends on its line. What PyTorch's serializer cannot write in ASCII it keeps among the constants. */
function stringToken(source: string, start: number, at: Place, file: string): Token {
  const quote = source[start]!;
  const placeOf = (position: number): Place => ({ line: at.line, column: at.column + position - start });
  let value = "";
  let taken = start + 1;
  for (let position = taken; ; position++) {
    const character = source[position];
    if (character === quote) {
      return {
        kind: "string",
        at,
        text: source.slice(start, position + 1),
        value: value + source.slice(taken, position),
      };
    }
    if (character === undefined || character === "\n")
      throw sourceError(`expected ${quote} at the end of this text, found the end of the line`, file, at);
    const following = source[position + 1];
    if (character !== "\\" || following === undefined || following === "\n") continue;
    const code = matchAt(octal, source, position + 1);
    const meant = code === undefined ? escapes.get(following) : String.fromCharCode(Number.parseInt(code, 8));
    if (meant === undefined)
      throw sourceError(
        `expected one of \\\\ \\' \\" \\a \\b \\f \\n \\r \\t \\v or \\000 to \\177, found ${JSON.stringify(source.slice(position, position + 2))}`,
        file,
        placeOf(position),
      );
    value += source.slice(taken, position) + meant;
    position += code?.length ?? 1;
    taken = position + 1;
  }
}
