// Reads expressions: literals, names and what follows them, operators by their precedence.
import type { Token } from "./lexer.ts";
import { type Place, sourceError } from "./place.ts";
import type { TokenReader } from "./reader.ts";
import type { Attribute, Binary, Call, Expression, Literal, Slice, Subscript, Tuple } from "./syntax.ts";
import { readType, type TorchType } from "./types.ts";

/**
 * How strongly operators bind, in PyTorch's reader, which decides what a file means. It is not as in Python: `and` and
 * `or` bind alike, `~` takes all that binds more than a comparison's `not`, and `a < b < c` is `(a < b) < c`.
 */
const precedences = new Map<string, number>([
  ...level(2, ["and", "or"]),
  ...level(4, ["<", "<=", ">", ">=", "==", "!=", "is", "is not", "in", "not in"]),
  ...level(5, ["|"]),
  ...level(6, ["^"]),
  ...level(7, ["&"]),
  ...level(8, ["<<", ">>"]),
  ...level(9, ["+", "-"]),
  ...level(10, ["*", "/", "//", "%", "@"]),
  ...level(11, ["**"]),
]);
const unaryPrecedences = new Map([...level(3, ["not", "~"]), ...level(10, ["-"])]);
const conditionalPrecedence = 1;
/** What is assigned to, and what `in` follows, binds more than a comparison. */
export const aboveComparisons = 4;

function level(precedence: number, operators: readonly string[]): [string, number][] {
  return operators.map((operator) => [operator, precedence]);
}

const binaryOperators: ReadonlySet<string> = new Set(precedences.keys());
const isBinary = (operator: string): operator is Binary["operator"] => binaryOperators.has(operator);
const isUnary = (operator: string): operator is "-" | "~" | "not" => unaryPrecedences.has(operator);

/** The longest expression whose operators bind more than `above`. Throws `import/torch-source`. */
export const readExpression = (reader: TokenReader, above = 0): Expression =>
  reader.nested(() => {
    let left = readUnary(reader);
    for (;;) {
      const { at } = reader;
      if (above < conditionalPrecedence && reader.accept("if")) {
        const test = readExpression(reader);
        reader.expect("else");
        const whenFalse = readExpression(reader);
        left = reader.made({ kind: "conditional", at, test, whenTrue: left, whenFalse }, [test, left, whenFalse]);
        continue;
      }
      const operator = binaryOperator(reader);
      if (operator === undefined) return left;
      const precedence = precedences.get(operator)!;
      if (precedence <= above) return left;
      for (const _ of operator.split(" ")) reader.take();
      const right = readExpression(reader, operator === "**" ? precedence - 1 : precedence);
      left = reader.made({ kind: "binary", at, operator, left, right }, [left, right]);
    }
  });

/** The operator that stands here, of one or two words, which are not taken. */
function binaryOperator(reader: TokenReader): Binary["operator"] | undefined {
  const { current, following } = reader;
  if (current.kind !== "word") return undefined;
  const isFollowedBy = (word: string): boolean => following.kind === "word" && following.text === word;
  if (current.text === "not") return isFollowedBy("in") ? "not in" : undefined;
  if (current.text === "is" && isFollowedBy("not")) return "is not";
  return isBinary(current.text) ? current.text : undefined;
}

function readUnary(reader: TokenReader): Expression {
  const { at, current } = reader;
  if (current.kind !== "word" || !isUnary(current.text)) return readPostfix(reader);
  reader.take();
  const operator = current.text;
  if (operator === "-" && !["**", ".", "(", "["].includes(reader.following.text)) {
    const number = numberHere(reader, true);
    if (number !== undefined) return { ...number, at };
  }
  const operand = readExpression(reader, unaryPrecedences.get(operator)!);
  return reader.made({ kind: "unary", at, operator, operand }, [operand]);
}

type NumberLiteral = Extract<Literal, { kind: "integer" | "float" | "imaginary" }>;

/** The number that stands here, taken, if one does. */
function numberHere(reader: TokenReader, isNegative: boolean): NumberLiteral | undefined {
  const number = numberOf(reader.current);
  if (number === undefined) return undefined;
  const literal = isNegative ? negated(number) : number;
  if (literal.kind === "integer" && literal.value !== BigInt.asIntN(64, literal.value))
    reader.fail("an integer of 64 bits");
  reader.take();
  return literal;
}

const negated = (number: NumberLiteral): NumberLiteral =>
  number.kind === "integer" ? { ...number, value: -number.value } : { ...number, value: -number.value };

/** A token as a number: infinity and not-a-number are written as names. */
function numberOf(token: Token): NumberLiteral | undefined {
  const { at } = token;
  if (token.kind === "integer") return { kind: "integer", at, value: token.value };
  if (token.kind === "float" || token.kind === "imaginary") return { kind: token.kind, at, value: token.value };
  const named = token.kind === "name" ? /^(inf|nan)(j?)$/.exec(token.text) : null;
  if (named === null) return undefined;
  const value = named[1] === "inf" ? Number.POSITIVE_INFINITY : Number.NaN;
  return { kind: named[2] === "" ? "float" : "imaginary", at, value };
}

/** An atom with the attributes, calls and subscripts that follow it. */
function readPostfix(reader: TokenReader): Expression {
  let value = readAtom(reader);
  for (;;) {
    if (reader.accept(".")) {
      const { at } = reader;
      const name = reader.name("the name of an attribute");
      value = reader.made<Attribute>({ kind: "attribute", at, value, name }, [value]);
    } else if (reader.accept("(")) value = readCall(reader, value);
    else if (reader.accept("[")) {
      const { at } = value;
      const indices = reader.listed("]", () => readIndex(reader));
      if (indices.length === 0) throw sourceError("expected an index, found none", reader.file, at);
      value = reader.made<Subscript>({ kind: "subscript", at, value, indices }, [value, ...indices]);
    } else return value;
  }
}

function readCall(reader: TokenReader, callee: Expression): Call {
  const positional: Expression[] = [];
  const keywords: Call["keywords"][number][] = [];
  const names = new Set<string>();
  reader.listed(")", () => {
    const { at, current, following } = reader;
    if (current.kind === "name" && following.kind === "word" && following.text === "=") {
      if (names.has(current.text)) reader.fail("an argument of another name");
      names.add(reader.take().text);
      reader.take();
      keywords.push({ at, name: current.text, value: readExpression(reader) });
    } else if (keywords.length > 0) reader.fail("a named argument, as the one before");
    else if (reader.accept("*")) {
      const value = readExpression(reader, unaryPrecedences.get("-"));
      positional.push(reader.made({ kind: "starred", at, value }, [value]));
    } else positional.push(readExpression(reader));
  });
  const parts = [callee, ...positional, ...keywords.map(({ value }) => value)];
  return reader.made({ kind: "call", at: callee.at, callee, positional, keywords }, parts);
}

function readIndex(reader: TokenReader): Expression | Slice {
  const { at } = reader;
  const bound = (): Expression | undefined =>
    reader.is(":") || reader.is(",") || reader.is("]") ? undefined : readExpression(reader);
  const start = reader.is(":") ? undefined : readExpression(reader);
  if (!reader.accept(":")) return start!;
  const end = bound();
  const step = reader.accept(":") ? bound() : undefined;
  return reader.made({ kind: "slice", at, start, end, step }, [start, end, step]);
}

function readAtom(reader: TokenReader): Expression {
  const { current, at } = reader;
  const number = numberHere(reader, false);
  if (number !== undefined) return number;
  if (current.kind === "string") return { kind: "text", at, value: reader.string("a text") };
  if (current.kind === "name") {
    reader.take();
    return (
      (reader.is("(") ? readForm(reader, current.text, at) : undefined) ?? { kind: "name", at, name: current.text }
    );
  }
  if (reader.accept("True")) return { kind: "boolean", at, value: true };
  if (reader.accept("False")) return { kind: "boolean", at, value: false };
  if (reader.accept("None")) return { kind: "none", at };
  if (reader.accept("(")) return readParentheses(reader);
  if (reader.accept("[")) {
    const elements = reader.listed("]", () => readExpression(reader));
    return reader.made({ kind: "list", at, elements }, elements);
  }
  if (reader.accept("{")) {
    const entries = reader.listed("}", () => {
      const key = readExpression(reader);
      reader.expect(":");
      return { key, value: readExpression(reader) };
    });
    return reader.made(
      { kind: "dictionary", at, entries },
      entries.flatMap(({ key, value }) => [key, value]),
    );
  }
  return reader.fail("an expression");
}

function readParentheses(reader: TokenReader): Expression {
  const { at } = reader;
  if (reader.accept(")")) return { kind: "tuple", at, elements: [] };
  const first = readExpression(reader);
  if (reader.accept(")")) return first;
  reader.expect(",");
  return tupleOf(reader, [first, ...reader.listed(")", () => readExpression(reader))]);
}

export const tupleOf = (reader: TokenReader, elements: readonly [Expression, ...Expression[]]): Tuple =>
  reader.made({ kind: "tuple", at: elements[0].at, elements }, elements);

/** What is written as a call of a name that stands for no function, most of them with types among their arguments. */
function readForm(reader: TokenReader, name: string, at: Place): Expression | undefined {
  const closing = <T extends Expression>(node: T, parts: readonly Expression[]): T => {
    reader.accept(",");
    reader.expect(")");
    return reader.made(node, parts);
  };
  switch (name) {
    case "annotate":
    case "unchecked_cast": {
      reader.expect("(");
      const type = readType(reader);
      reader.expect(",");
      const value = readExpression(reader);
      return closing({ kind: name === "annotate" ? "annotate" : "uncheckedCast", at, type, value }, [value]);
    }
    case "uninitialized":
      reader.expect("(");
      return closing({ kind: "uninitialized", at, type: readType(reader) }, []);
    case "isinstance": {
      reader.expect("(");
      const value = readExpression(reader);
      reader.expect(",");
      const types: TorchType[] = reader.accept("(") ? reader.listed(")", () => readType(reader)) : [readType(reader)];
      return closing({ kind: "isInstance", at, value, types }, [value]);
    }
    case "getattr": {
      reader.expect("(");
      const value = readExpression(reader);
      reader.expect(",");
      return closing({ kind: "attribute", at, value, name: reader.string("the attribute's name, as a text") }, [value]);
    }
    default:
      return undefined;
  }
}
