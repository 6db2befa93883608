// Prints a tree of TorchScript as source that gives the same tree again.
import {
  type ClassDefinition,
  type Expression,
  type FunctionDefinition,
  isIdentifier,
  type Slice,
  type SourceFile,
  type Statement,
} from "./syntax.ts";
import { typeText } from "./types.ts";

/** The source of a file, in the manner of PyTorch's serializer. */
export const printSource = ({ definitions }: SourceFile): string =>
  definitions
    .flatMap((definition) => (definition.kind === "function" ? printFunction(definition) : printClass(definition)))
    .map((line) => `${line}\n`)
    .join("");

const indented = (lines: readonly string[]): string[] => lines.map((line) => `  ${line}`);

function printClass(definition: ClassDefinition): string[] {
  const { name } = definition;
  switch (definition.kind) {
    case "namedTuple": {
      const fields = definition.fields.map((field) => `${field.name} : ${typeText(field.type)}`);
      return [`class ${name}(NamedTuple):`, ...indented(fields)];
    }
    case "enum": {
      const members = definition.members.map((member) => `${member.name} = ${printExpression(member.value)}`);
      return [`class ${name}(Enum):`, ...indented(members)];
    }
    case "interface":
      return [
        `class ${name}(${definition.isModule ? "ModuleInterface" : "Interface"}):`,
        ...indented(definition.methods.flatMap(printFunction)),
      ];
    case "class": {
      const list = (key: string, names: readonly string[]): string =>
        `${key} = [${names.map((text) => `${quoted(text)}, `).join("")}]`;
      const hooks = [
        ["__forward_pre_hooks__", definition.forwardPreHooks],
        ["__forward_hooks__", definition.forwardHooks],
      ] as const;
      const lists = definition.isModule
        ? [
            list("__parameters__", definition.parameters),
            list("__buffers__", definition.buffers),
            ...hooks.filter(([, names]) => names.length > 0).map(([key, names]) => list(key, names)),
          ]
        : [];
      const attributes = definition.attributes.map(({ name: attribute, type }) =>
        isIdentifier(attribute)
          ? `${attribute} : ${typeText(type)}`
          : `__annotations__[${quoted(attribute)}] = ${typeText(type)}`,
      );
      const constants = definition.constants.map(
        ({ name: constant, type, value }) => `${constant} : Final[${typeText(type)}] = ${printExpression(value)}`,
      );
      const methods = definition.methods.flatMap(printFunction);
      const head = `class ${name}${definition.isModule ? "(Module)" : ""}:`;
      return [head, ...indented([...lists, ...attributes, ...constants, ...methods])];
    }
  }
}

function printFunction({ name, parameters, returns, body }: FunctionDefinition): string[] {
  const printed = parameters.map(
    ({ name: parameter, type, default: value }) =>
      `${parameter}${type === undefined ? "" : `: ${typeText(type)}`}${value === undefined ? "" : `=${printExpression(value)}`}`,
  );
  const result = returns === undefined ? "" : ` -> ${typeText(returns)}`;
  return [
    ...`def ${name}(${printed.join(",\n    ")})${result}:`.split("\n"),
    ...indented(body.flatMap(printStatement)),
  ];
}

function printStatement(statement: Statement): string[] {
  switch (statement.kind) {
    case "function":
      return printFunction(statement);
    case "assign": {
      const type = statement.type === undefined ? "" : `: ${typeText(statement.type)}`;
      return [`${printUnpacked(statement.target)}${type} = ${printExpression(statement.value)}`];
    }
    case "augment":
      return [`${printExpression(statement.target)} ${statement.operator}= ${printExpression(statement.value)}`];
    case "expression":
      return [printExpression(statement.value)];
    case "return":
    case "raise":
      return [`${statement.kind} ${printExpression(statement.value)}`];
    case "if":
      return [
        `if ${printExpression(statement.test)}:`,
        ...printBody(statement.whenTrue),
        ...(statement.whenFalse.length === 0 ? [] : ["else:", ...printBody(statement.whenFalse)]),
      ];
    case "while":
      return [`while ${printExpression(statement.test)}:`, ...printBody(statement.body)];
    case "for": {
      const head = `for ${printUnpacked(statement.target)} in ${printExpression(statement.iterable)}:`;
      return [head, ...printBody(statement.body)];
    }
    case "with": {
      const contexts = statement.contexts.map(
        ({ value, name }) => `${printExpression(value)}${name === undefined ? "" : ` as ${name}`}`,
      );
      return [`with ${contexts.join(", ")}:`, ...printBody(statement.body)];
    }
    case "assert": {
      const message = statement.message === undefined ? "" : `, ${printExpression(statement.message)}`;
      return [`assert ${printExpression(statement.test)}${message}`];
    }
    case "delete":
      return [`del ${statement.targets.map(printExpression).join(", ")}`];
    case "pass":
    case "break":
    case "continue":
      return [statement.kind];
  }
}

const printBody = (body: readonly Statement[]): string[] => indented(body.flatMap(printStatement));

/** A tuple that is assigned to stands without parentheses, with a comma where it has one element. */
const printUnpacked = (target: Expression): string =>
  target.kind === "tuple" && target.elements.length > 0
    ? `${listed(target.elements)}${target.elements.length === 1 ? "," : ""}`
    : printExpression(target);

const listed = (expressions: readonly (Expression | Slice)[]): string => expressions.map(printPart).join(", ");

const printPart = (part: Expression | Slice): string => {
  if (part.kind !== "slice") return printExpression(part);
  const { start, end, step } = part;
  const bound = (value: Expression | undefined): string => (value === undefined ? "" : printExpression(value));
  return `${bound(start)}:${bound(end)}${step === undefined ? "" : `:${printExpression(step)}`}`;
};

function printExpression(expression: Expression): string {
  switch (expression.kind) {
    case "integer":
      return `${expression.value}`;
    case "float":
      return printFloat(expression.value);
    case "imaginary":
      return `${printFloat(expression.value)}j`;
    case "text":
      return quoted(expression.value);
    case "boolean":
      return expression.value ? "True" : "False";
    case "none":
      return "None";
    case "name":
      return expression.name;
    case "attribute":
      return isIdentifier(expression.name)
        ? `${printPrimary(expression.value)}.${expression.name}`
        : `getattr(${printExpression(expression.value)}, ${quoted(expression.name)})`;
    case "call": {
      const keywords = expression.keywords.map(({ name, value }) => `${name}=${printExpression(value)}`);
      const given = [...expression.positional.map(printExpression), ...keywords];
      return `${printPrimary(expression.callee)}(${given.join(", ")})`;
    }
    case "starred":
      return `*${printOperand(expression.value)}`;
    case "subscript":
      return `${printPrimary(expression.value)}[${listed(expression.indices)}]`;
    case "unary":
      return `${expression.operator === "not" ? "not " : expression.operator}${printPrimary(expression.operand)}`;
    case "binary":
      return `${printOperand(expression.left)} ${expression.operator} ${printOperand(expression.right)}`;
    case "conditional": {
      const { test, whenTrue, whenFalse } = expression;
      return `${printOperand(whenTrue)} if ${printOperand(test)} else ${printOperand(whenFalse)}`;
    }
    case "tuple":
      return `(${listed(expression.elements)}${expression.elements.length === 1 ? "," : ""})`;
    case "list":
      return `[${listed(expression.elements)}]`;
    case "dictionary":
      return `{${expression.entries.map(({ key, value }) => `${printExpression(key)}: ${printExpression(value)}`).join(", ")}}`;
    case "annotate":
      return `annotate(${typeText(expression.type)}, ${printExpression(expression.value)})`;
    case "uncheckedCast":
      return `unchecked_cast(${typeText(expression.type)}, ${printExpression(expression.value)})`;
    case "uninitialized":
      return `uninitialized(${typeText(expression.type)})`;
    case "isInstance": {
      const types = expression.types.map(typeText);
      return `isinstance(${printExpression(expression.value)}, ${types.length === 1 ? types[0] : `(${types.join(", ")})`})`;
    }
  }
}

/** Before or after an operator: in parentheses where another operator, or a number's minus, could bind otherwise. */
const printOperand = (expression: Expression): string =>
  isNumber(expression) && !printExpression(expression).startsWith("-")
    ? printExpression(expression)
    : printPrimary(expression);

/** Before a point, a bracket, or behind a sign, where a number's own point or sign could be read with it. */
function printPrimary(expression: Expression): string {
  const printed = printExpression(expression);
  const isOperation = ["unary", "binary", "conditional"].includes(expression.kind);
  return isOperation || isNumber(expression) ? `(${printed})` : printed;
}

const isNumber = ({ kind }: Expression): boolean => kind === "integer" || kind === "float" || kind === "imaginary";

function printFloat(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value < 0 ? "-inf" : "inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /[.e]/.test(text) ? text : `${text}.`;
}

const escapes = new Map([
  ["\\", "\\\\"],
  ["'", "\\'"],
  ['"', '\\"'],
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
]);

/** A text between quotes; what ASCII has no picture of is written in octal. */
const quoted = (text: string): string => `"${text.replaceAll(/[\\'"\p{Cc}]/gu, escaped)}"`;

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  const named = escapes.get(character);
  return named ?? (code < 128 ? `\\${code.toString(8).padStart(3, "0")}` : character);
}
