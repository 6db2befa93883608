// Sizes that an exported program leaves open: expressions of symbols, as SymPy writes them.
import { IsochronError } from "../../../../kernels/index.ts";
import { type ExportedSize, exportedError } from "./schema.ts";

/** Sizes by symbol: `s77`. */
export type Symbols = ReadonlyMap<string, number>;

const mostDeep = 64;
const floorMod = (a: number, b: number): number => a - b * Math.floor(a / b);

const functions: { readonly [name: string]: (...numbers: number[]) => number } = {
  Add: (...all) => all.reduce((sum, each) => sum + each, 0),
  Mul: (...all) => all.reduce((product, each) => product * each, 1),
  Pow: (a, b) => a! ** b!,
  FloorDiv: (a, b) => Math.floor(a! / b!),
  CleanDiv: (a, b) => Math.floor(a! / b!),
  Mod: (a, b) => floorMod(a!, b!),
  PythonMod: (a, b) => floorMod(a!, b!),
  Max: (...all) => Math.max(...all),
  Min: (...all) => Math.min(...all),
};

/** The symbol that an expression is, where it is one alone. */
export const symbolOf = (size: ExportedSize): string | undefined =>
  "as_expr" in size ? /^Symbol\('(\w+)'[^()]*\)$/.exec(size.as_expr.expr_str)?.[1] : undefined;

/** All symbols of an expression. */
export const symbolsIn = (size: ExportedSize): readonly string[] =>
  "as_expr" in size ? [...size.as_expr.expr_str.matchAll(/Symbol\('(\w+)'/g)].map((each) => each[1]!) : [];

/** A size as a number; undefined where one of its symbols has none. Throws `import/model`, `import/unsupported`. */
export function sizeOf(size: ExportedSize, symbols: Symbols): number | undefined {
  if ("as_int" in size) return size.as_int;
  const text = size.as_expr.expr_str;
  let at = 0;
  const wrong = (): IsochronError => exportedError(`"${text.slice(0, 100)}" is no expression of sizes`);
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  const read = (deep: number): number | undefined => {
    if (deep > mostDeep) throw exportedError(`an expression of sizes is more than ${mostDeep} deep`);
    const name = take(/\w+(?=\()/y);
    if (name === undefined || take(/\(/y) === undefined) throw wrong();
    if (name === "Symbol") {
      const symbol = take(/'\w+'/y)?.slice(1, -1);
      if (symbol === undefined || take(/(, \w+=\w+)*\)/y) === undefined) throw wrong();
      return symbols.get(symbol);
    }
    if (name === "Integer") {
      const number = take(/-?\d+/y);
      if (number === undefined || take(/\)/y) === undefined) throw wrong();
      return Number(number);
    }
    if (!Object.hasOwn(functions, name))
      throw new IsochronError("import/unsupported", `sizes are computed by ${name}, which is not there`);
    const operands: (number | undefined)[] = [];
    do operands.push(read(deep + 1));
    while (take(/, /y) !== undefined);
    if (take(/\)/y) === undefined) throw wrong();
    const known = operands.filter((each) => each !== undefined);
    return known.length === operands.length ? functions[name]!(...known) : undefined;
  };
  const value = read(0);
  if (at !== text.length) throw wrong();
  return value;
}

/** A size as its reader writes it: `3`, `s77`, `2*s77`. */
export function sizeText(size: ExportedSize): string {
  if ("as_int" in size) return String(size.as_int);
  return size.as_expr.expr_str.replace(/Symbol\('(\w+)'[^()]*\)/g, "$1").replace(/Integer\((-?\d+)\)/g, "$1");
}
