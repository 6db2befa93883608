// Schemas of operators, as PyTorch's native_functions.yaml writes them: arguments by name, their types and defaults.

/** One argument of an operator. */
export interface Argument {
  readonly name: string;
  /** Without its question mark, its size and its mark of aliasing: `Tensor`, `int[]`, `Tensor?[]`. */
  readonly type: string;
  readonly optional: boolean;
  readonly keywordOnly: boolean;
  /** Whether one number stands for a list of them. */
  readonly expands: boolean;
  readonly default: string | undefined;
}

/** An operator's name, its overload and its arguments. */
export interface Schema {
  readonly name: string;
  readonly overload: string;
  readonly arguments: readonly Argument[];
  /** Whether it gives several results, or a list of them. */
  readonly results: "one" | "several" | "list" | "none";
}

/** Splits at commas that are in no brackets. */
function parts(text: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let start = 0;
  for (const [at, character] of [...text].entries()) {
    if ("([".includes(character)) depth++;
    else if (")]".includes(character)) depth--;
    else if (character === "," && depth === 0) {
      found.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = text.slice(start).trim();
  return last === "" ? found : [...found, last];
}

function argumentOf(text: string, keywordOnly: boolean): Argument {
  const match = /^(\w+(?:\([^)]*\))?(?:\?)?(?:\[\d*\])?\??) (\w+)(?:=(.*))?$/.exec(text);
  if (!match) throw new Error(`"${text}" is no argument of a schema`);
  const [, written, name, given] = match;
  const plain = written!.replace(/\([^)]*\)/, "").replace(/^SymInt/, "int");
  const optional = plain.endsWith("?");
  const type = (optional ? plain.slice(0, -1) : plain).replace(/\[\d+\]/, "[]");
  return { name: name!, type, optional, keywordOnly, expands: /\[\d+\]/.test(plain), default: given };
}

/** Reads a schema: `add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor`. */
export function readSchema(text: string): Schema {
  const match = /^([\w:]+)(?:\.(\w+))?\((.*)\) -> (.+)$/.exec(text);
  if (!match) throw new Error(`"${text}" is no schema`);
  const [, name, overload = "", given, returned] = match;
  const list: Argument[] = [];
  let keywordOnly = false;
  for (const part of parts(given!)) {
    if (part === "*") keywordOnly = true;
    else list.push(argumentOf(part, keywordOnly));
  }
  const results =
    returned === "()" ? "none" : returned!.startsWith("(") ? "several" : returned!.endsWith("[]") ? "list" : "one";
  return { name: name!, overload, arguments: list, results };
}
