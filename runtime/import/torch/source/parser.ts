// Reads a file of TorchScript into its tree: classes, functions, statements.
import { aboveComparisons, readExpression, tupleOf } from "./expressions.ts";
import { type Place, sourceError } from "./place.ts";
import { TokenReader } from "./reader.ts";
import type {
  AttributeDeclaration,
  AugmentedAssignment,
  ClassDefinition,
  ConstantDeclaration,
  EnumClass,
  Expression,
  FunctionDefinition,
  If,
  Parameter,
  PlainClass,
  SourceFile,
  Statement,
  Target,
  With,
} from "./syntax.ts";
import { readType, type TorchType } from "./types.ts";

/** Characters of one file. Its tree takes at most a hundred times as many bytes. */
export const mostCharacters = 2 ** 22;

/** The tree of a file's source. Throws `import/torch-source` at what is not of the language, with what was expected. */
export function parseSource(text: string, file: string): SourceFile {
  const reader = readerOf(text, file);
  const definitions: SourceFile["definitions"][number][] = [];
  while (reader.current.kind !== "end") {
    if (reader.is("class")) definitions.push(readClass(reader));
    else if (reader.is("def")) definitions.push(readFunction(reader));
    else skipPreamble(reader);
  }
  return { file, definitions };
}

/** The type that a text names, as pickles name the types of their lists. Throws `import/torch-source`. */
export function parseType(text: string, file: string): TorchType {
  const reader = readerOf(text, file);
  const type = readType(reader);
  endLine(reader);
  if (reader.current.kind !== "end") reader.fail("nothing after the type");
  return type;
}

function readerOf(text: string, file: string): TokenReader {
  if (text.length > mostCharacters)
    throw sourceError(`expected at most ${mostCharacters} characters, found ${text.length}`, file, {
      line: 1,
      column: 1,
    });
  return new TokenReader(text, file);
}

const endLine = (reader: TokenReader): void => reader.expectLayout("line", "the end of the line");

/** Lines that files of before begin with, which say nothing: the archive has the version, and names say their files. */
function skipPreamble(reader: TokenReader): void {
  const isVersion = reader.current.kind === "name" && reader.current.text === "op_version_set";
  if (!isVersion && !reader.is("import")) reader.fail("a class or a function");
  while (reader.current.kind === "name" || reader.current.kind === "integer" || reader.current.kind === "word")
    reader.take();
  endLine(reader);
}

/** What stands below a line that ends in a colon, one after the other. */
function readBlock<T>(reader: TokenReader, read: () => T): T[] {
  reader.expect(":");
  endLine(reader);
  reader.expectLayout("indent", "a block, indented further than the line above");
  const items: T[] = [];
  while (reader.current.kind !== "dedent") items.push(read());
  reader.take();
  return items;
}

const readBody = (reader: TokenReader): Statement[] => readBlock(reader, () => readStatement(reader));

// Definitions

function readFunction(reader: TokenReader): FunctionDefinition {
  reader.expect("def");
  const { at } = reader;
  const name = reader.name("the name of a function");
  reader.expect("(");
  const names = new Set<string>();
  const parameters = reader.listed(")", () => {
    if (names.has(reader.current.text)) reader.fail("a parameter of another name");
    names.add(reader.current.text);
    return readParameter(reader);
  });
  const returns = reader.accept("->") ? readType(reader) : undefined;
  const body = readBody(reader);
  const parts = [...parameters.map((parameter) => parameter.default), ...body];
  return reader.made({ kind: "function", at, name, parameters, returns, body }, parts);
}

function readParameter(reader: TokenReader): Parameter {
  const { at } = reader;
  const name = reader.name("the name of a parameter");
  const type = reader.accept(":") ? readType(reader) : undefined;
  return { at, name, type, default: reader.accept("=") ? readExpression(reader) : undefined };
}

function readClass(reader: TokenReader): ClassDefinition {
  reader.expect("class");
  const { at } = reader;
  const name = reader.name("the name of a class");
  const base = readBase(reader);
  switch (base) {
    case "NamedTuple":
      return { kind: "namedTuple", at, name, fields: readBlock(reader, () => readField(reader)) };
    case "Enum":
      return { kind: "enum", at, name, members: readBlock(reader, () => readMember(reader)) };
    case "Interface":
    case "ModuleInterface": {
      const methods = readBlock(reader, () => readFunction(reader));
      return { kind: "interface", at, name, isModule: base === "ModuleInterface", methods };
    }
    case "Module":
    case undefined:
      return readPlainClass(reader, at, name, base === "Module");
  }
}

const bases = ["Module", "NamedTuple", "Enum", "Interface", "ModuleInterface"] as const;

function readBase(reader: TokenReader): (typeof bases)[number] | undefined {
  if (!reader.accept("(")) return undefined;
  const base = bases.find((known) => known === reader.current.text) ?? reader.fail(`one of ${bases.join(", ")}`);
  reader.take();
  reader.expect(")");
  return base;
}

/** `name : type`. */
function readField(reader: TokenReader): AttributeDeclaration {
  const { at } = reader;
  const name = reader.name("the name of an attribute");
  reader.expect(":");
  const type = readType(reader);
  endLine(reader);
  return { at, name, type };
}

function readMember(reader: TokenReader): EnumClass["members"][number] {
  const { at } = reader;
  const name = reader.name("the name of a member");
  reader.expect("=");
  const value = readExpression(reader);
  if (value.kind !== "integer" && value.kind !== "float" && value.kind !== "text")
    throw sourceError("expected a number or a text", reader.file, value.at);
  endLine(reader);
  return { at, name, value };
}

/** The members of a class as they are found; lists of names, which modules have, by how the file calls them. */
function readPlainClass(reader: TokenReader, at: Place, name: string, isModule: boolean): PlainClass {
  const lists = new Map<string, string[]>();
  const attributes: AttributeDeclaration[] = [];
  const constants: ConstantDeclaration[] = [];
  const methods: FunctionDefinition[] = [];
  readBlock(reader, () => {
    if (reader.is("def")) {
      methods.push(readFunction(reader));
      return;
    }
    const { at } = reader;
    const member = reader.name("an attribute or a method");
    if (member === "__annotations__") attributes.push(...readAnnotation(reader, at));
    else if (isModule && listNames.has(member)) {
      reader.expect("=");
      reader.expect("[");
      lists.set(
        member,
        reader.listed("]", () => reader.string("a name, as a text")),
      );
    } else {
      reader.expect(":");
      const declared = readAttribute(reader, at, member);
      if ("value" in declared) constants.push(declared);
      else attributes.push(declared);
    }
    endLine(reader);
  });
  return {
    kind: "class",
    at,
    name,
    isModule,
    parameters: lists.get("__parameters__") ?? [],
    buffers: lists.get("__buffers__") ?? [],
    forwardPreHooks: lists.get("__forward_pre_hooks__") ?? [],
    forwardHooks: lists.get("__forward_hooks__") ?? [],
    attributes,
    constants,
    methods,
  };
}

const listNames = new Set(["__parameters__", "__buffers__", "__forward_pre_hooks__", "__forward_hooks__"]);

/** `__annotations__["0"] = type`, for a name that is no identifier; `__annotations__ = []` before them says nothing. */
function readAnnotation(reader: TokenReader, at: Place): AttributeDeclaration[] {
  if (reader.accept("=")) {
    reader.expect("[");
    reader.expect("]");
    return [];
  }
  reader.expect("[");
  const name = reader.string("the attribute's name, as a text");
  reader.expect("]");
  reader.expect("=");
  return [{ at, name, type: readType(reader) }];
}

/** What follows `name :`, a type or `Final[type] = value`. */
function readAttribute(reader: TokenReader, at: Place, name: string): AttributeDeclaration | ConstantDeclaration {
  if (reader.current.text !== "Final") return { at, name, type: readType(reader) };
  reader.take();
  reader.expect("[");
  const type = readType(reader);
  reader.expect("]");
  reader.expect("=");
  return { at, name, type, value: readExpression(reader) };
}

// Statements

function readStatement(reader: TokenReader): Statement {
  return reader.nested((): Statement => {
    const { at, current } = reader;
    switch (current.kind === "word" ? current.text : "") {
      case "def":
        return readFunction(reader);
      case "if":
        return readIf(reader);
      case "while": {
        reader.take();
        const test = readExpression(reader);
        const body = readBody(reader);
        return reader.made({ kind: "while", at, test, body }, [test, ...body]);
      }
      case "for":
        return readFor(reader);
      case "with":
        return readWith(reader);
      default: {
        const statement = readLine(reader);
        endLine(reader);
        return statement;
      }
    }
  });
}

/** An `if`, or an `elif`, with all that follows it. */
function readIf(reader: TokenReader): If {
  const { at } = reader.take();
  const test = readExpression(reader);
  const whenTrue = readBody(reader);
  const whenFalse = reader.is("elif")
    ? [reader.nested(() => readIf(reader))]
    : reader.accept("else")
      ? readBody(reader)
      : [];
  return reader.made({ kind: "if", at, test, whenTrue, whenFalse }, [test, ...whenTrue, ...whenFalse]);
}

function readFor(reader: TokenReader): Statement {
  const { at } = reader.take();
  const target = targetOf(
    readTuple(reader, () => readExpression(reader, aboveComparisons)),
    reader.file,
  );
  reader.expect("in");
  const iterable = readTuple(reader);
  const body = readBody(reader);
  return reader.made({ kind: "for", at, target, iterable, body }, [target, iterable, ...body]);
}

function readWith(reader: TokenReader): With {
  const { at } = reader.take();
  const contexts: With["contexts"][number][] = [];
  do {
    const value = readExpression(reader);
    contexts.push({ value, name: reader.accept("as") ? reader.name("the name of a variable") : undefined });
  } while (reader.accept(","));
  const body = readBody(reader);
  return reader.made({ kind: "with", at, contexts, body }, [...contexts.map(({ value }) => value), ...body]);
}

/** A statement of one line, up to the end of the line. */
function readLine(reader: TokenReader): Statement {
  const { at } = reader;
  for (const kind of ["pass", "break", "continue"] as const) if (reader.accept(kind)) return { kind, at };
  if (reader.accept("return")) {
    const value: Expression = reader.current.kind === "line" ? { kind: "none", at } : readTuple(reader);
    return reader.made({ kind: "return", at, value }, [value]);
  }
  if (reader.accept("raise")) {
    const value = readExpression(reader);
    return reader.made({ kind: "raise", at, value }, [value]);
  }
  if (reader.accept("assert")) {
    const test = readExpression(reader);
    const message = reader.accept(",") ? readExpression(reader) : undefined;
    return reader.made({ kind: "assert", at, test, message }, [test, message]);
  }
  if (reader.accept("del")) {
    const targets = [];
    do targets.push(variableOf(readExpression(reader), reader.file));
    while (reader.accept(","));
    return reader.made({ kind: "delete", at, targets }, targets);
  }
  return readAssignment(reader, at);
}

const augmenting = ["+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>", "**"] as const;

function readAssignment(reader: TokenReader, at: Place): Statement {
  const left = readTuple(reader);
  if (reader.accept("=")) {
    const target = targetOf(left, reader.file);
    const value = readTuple(reader);
    return reader.made({ kind: "assign", at, target, type: undefined, value }, [target, value]);
  }
  if (reader.accept(":")) {
    if (left.kind !== "name") throw sourceError("expected a variable, which alone has a type", reader.file, left.at);
    const type = readType(reader);
    reader.expect("=");
    const value = readTuple(reader);
    return reader.made({ kind: "assign", at, target: left, type, value }, [value]);
  }
  const operator = augmenting.find((sign) => reader.accept(`${sign}=`));
  if (operator === undefined) return reader.made({ kind: "expression", at, value: left }, [left]);
  const target = variableOf(left, reader.file);
  const value = readTuple(reader);
  return reader.made({ kind: "augment", at, target, operator, value }, [target, value]);
}

/** One expression, or with commas a tuple: `a, b`, or `a,` where it is of one. */
function readTuple(reader: TokenReader, read = (): Expression => readExpression(reader)): Expression {
  const first = read();
  if (!reader.is(",")) return first;
  const elements: [Expression, ...Expression[]] = [first];
  while (reader.accept(",")) {
    if (reader.current.kind === "line" || ["=", "in", ":"].some((sign) => reader.is(sign))) break;
    elements.push(read());
  }
  return tupleOf(reader, elements);
}

function variableOf(expression: Expression, file: string): AugmentedAssignment["target"] {
  if (expression.kind === "name" || expression.kind === "attribute" || expression.kind === "subscript")
    return expression;
  throw sourceError("expected a variable, an attribute or an element", file, expression.at);
}

function targetOf(expression: Expression, file: string): Target {
  if (expression.kind !== "tuple") return variableOf(expression, file);
  return { ...expression, elements: expression.elements.map((element) => targetOf(element, file)) };
}
