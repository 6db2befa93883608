// Values in message definitions: defaults and constants as .msg files write them.

/** A value as definitions hold it: integers of 64 bits are bigint. */
export type Literal = string | number | bigint | boolean;

/** The range of each integer type. */
const integers: { readonly [type: string]: readonly [least: bigint, most: bigint] } = Object.fromEntries([
  ...[8, 16, 32, 64].flatMap((bits) => [
    [`int${bits}`, [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]],
    [`uint${bits}`, [0n, (1n << BigInt(bits)) - 1n]],
  ]),
  ["byte", [0n, 255n]],
  ["char", [0n, 255n]],
]);

const digits =
  /^([+-]?)(0[xX]_?[\da-fA-F]+(?:_[\da-fA-F]+)*|0[bB]_?[01]+(?:_[01]+)*|0[oO]_?[0-7]+(?:_[0-7]+)*|\d+(?:_\d+)*)$/;
const decimal = /^[+-]?(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?$/;

/** An integer: decimal, or after `0x`, `0o` and `0b`, with underscores between digits. */
function integer(text: string, type: string): number | bigint {
  const [, sign, magnitude = ""] = digits.exec(text) ?? [];
  if (sign === undefined) throw new Error(`"${text}" is not a whole number: write 15, 0xF, 0o17, 0b1111 or 1_000`);
  const size = BigInt(magnitude.replaceAll("_", ""));
  const value = sign === "-" ? -size : size;
  const [least, most] = integers[type]!;
  if (value < least || value > most)
    throw new Error(`${text} does not fit ${type}, which goes from ${least} to ${most}`);
  return type.endsWith("64") ? value : Number(value);
}

function real(text: string): number {
  if (/^[+-]?inf(inity)?$/i.test(text))
    return text.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  if (decimal.test(text)) return Number(text.replaceAll("_", ""));
  if (digits.test(text)) return Number(integer(text, "int64"));
  throw new Error(`"${text}" is not a number`);
}

function boolean(text: string): boolean {
  if (/^(true|1)$/i.test(text)) return true;
  if (/^(false|0)$/i.test(text)) return false;
  throw new Error(`"${text}" is neither true nor false`);
}

/** A text: as it stands, or in quotes, in which a backslash stands before a quote. */
function string(text: string): string {
  const [quote] = text;
  if (quote !== '"' && quote !== "'") return text;
  if (text.length < 2 || !text.endsWith(quote) || text.endsWith(`\\${quote}`))
    throw new Error(`${text} lacks its closing quote`);
  const inside = text.slice(1, -1);
  if (new RegExp(`(?<!\\\\)${quote}`).test(inside))
    throw new Error(`a ${quote} within ${text} needs a backslash before it`);
  return inside.replaceAll(`\\${quote}`, quote);
}

/** One value of a primitive type. Throws an error that says what is wrong with it. */
export function parseLiteral(text: string, type: string): Literal {
  if (type in integers) return integer(text, type);
  if (type === "float32" || type === "float64") return real(text);
  if (type === "bool") return boolean(text);
  return string(text);
}

/** The values between brackets, separated by commas outside of quotes. */
export function parseList(text: string, type: string): Literal[] {
  if (!text.startsWith("[") || !text.endsWith("]"))
    throw new Error(`a default of a list is written [a, b], not ${text}`);
  const inside = text.slice(1, -1).trim();
  if (inside === "") return [];
  const items = inside.match(/(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^,"'])+/g) ?? [];
  if (items.join(",") !== inside) throw new Error(`the list ${text} has a comma too many, or a quote too few`);
  return items.map((item) => parseLiteral(item.trim(), type));
}

/** A line without its comment: a # in quotes begins none. */
export function withoutComment(line: string): string {
  let quote: string | undefined;
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    if (quote !== undefined) {
      if (character === "\\") at++;
      else if (character === quote) quote = undefined;
    } else if (character === "#") return line.slice(0, at);
    // Only at the beginning of a value: an apostrophe in the middle of a text is one.
    else if ((character === '"' || character === "'") && /[=\s[,]$/.test(line.slice(0, at))) quote = character;
  }
  return quote === undefined ? line : (line.split("#")[0] ?? "");
}
