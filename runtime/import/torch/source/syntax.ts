// The tree of a file of TorchScript: what PyTorch's serializer writes, and the statements of its language beside that.
import type { Place } from "./place.ts";
import type { TorchType } from "./types.ts";

/** One file under `code/`. Its import lines and its operator set, which files of before begin with, are left out. */
export interface SourceFile {
  /** The name that errors give, such as `code/__torch__.py`. */
  readonly file: string;
  readonly definitions: readonly (ClassDefinition | FunctionDefinition)[];
}

// Definitions

export type ClassDefinition = PlainClass | NamedTupleClass | EnumClass | InterfaceClass;

/** A class of attributes and methods. What modules alone have is empty in others. */
export interface PlainClass {
  readonly kind: "class";
  readonly at: Place;
  readonly name: string;
  readonly isModule: boolean;
  readonly parameters: readonly string[];
  readonly buffers: readonly string[];
  readonly forwardPreHooks: readonly string[];
  readonly forwardHooks: readonly string[];
  /** In the order of the file. A name need not be an identifier: the children of a `Sequential` are "0", "1", … */
  readonly attributes: readonly AttributeDeclaration[];
  /** `name : Final[type] = value`. */
  readonly constants: readonly ConstantDeclaration[];
  readonly methods: readonly FunctionDefinition[];
}

export interface NamedTupleClass {
  readonly kind: "namedTuple";
  readonly at: Place;
  readonly name: string;
  readonly fields: readonly AttributeDeclaration[];
}

export interface EnumClass {
  readonly kind: "enum";
  readonly at: Place;
  readonly name: string;
  readonly members: readonly { readonly at: Place; readonly name: string; readonly value: Literal }[];
}

/** Signatures of methods that classes of other names have; their bodies are `pass`. */
export interface InterfaceClass {
  readonly kind: "interface";
  readonly at: Place;
  readonly name: string;
  readonly isModule: boolean;
  readonly methods: readonly FunctionDefinition[];
}

export interface AttributeDeclaration {
  readonly at: Place;
  readonly name: string;
  readonly type: TorchType;
}

export interface ConstantDeclaration extends AttributeDeclaration {
  readonly value: Expression;
}

/** A function, a method, or what `fork` runs: that one stands among statements, and reads variables around it. */
export interface FunctionDefinition {
  readonly kind: "function";
  readonly at: Place;
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly returns: TorchType | undefined;
  readonly body: readonly Statement[];
}

export interface Parameter {
  readonly at: Place;
  readonly name: string;
  /** A tensor, or the class that it is in, where it is not said. */
  readonly type: TorchType | undefined;
  readonly default: Expression | undefined;
}

// Statements

export type Statement =
  | Assignment
  | AugmentedAssignment
  | ExpressionStatement
  | Return
  | If
  | While
  | For
  | With
  | Raise
  | Assert
  | Delete
  | Jump
  | FunctionDefinition;

export interface Assignment {
  readonly kind: "assign";
  readonly at: Place;
  readonly target: Target;
  /** Names alone have one. */
  readonly type: TorchType | undefined;
  readonly value: Expression;
}

export interface AugmentedAssignment {
  readonly kind: "augment";
  readonly at: Place;
  readonly target: Name | Attribute | Subscript;
  readonly operator: Exclude<ArithmeticOperator, "//" | "@">;
  readonly value: Expression;
}

export interface ExpressionStatement {
  readonly kind: "expression";
  readonly at: Place;
  readonly value: Expression;
}

export interface Return {
  readonly kind: "return";
  readonly at: Place;
  /** `None` where nothing is written. */
  readonly value: Expression;
}

/** An `elif` is an `if` that is all of `whenFalse`. */
export interface If {
  readonly kind: "if";
  readonly at: Place;
  readonly test: Expression;
  readonly whenTrue: readonly Statement[];
  readonly whenFalse: readonly Statement[];
}

export interface While {
  readonly kind: "while";
  readonly at: Place;
  readonly test: Expression;
  readonly body: readonly Statement[];
}

/** The serializer writes one kind: `for name in range(count)`. */
export interface For {
  readonly kind: "for";
  readonly at: Place;
  readonly target: Target;
  readonly iterable: Expression;
  readonly body: readonly Statement[];
}

export interface With {
  readonly kind: "with";
  readonly at: Place;
  readonly contexts: readonly { readonly value: Expression; readonly name: string | undefined }[];
  readonly body: readonly Statement[];
}

export interface Raise {
  readonly kind: "raise";
  readonly at: Place;
  readonly value: Expression;
}

export interface Assert {
  readonly kind: "assert";
  readonly at: Place;
  readonly test: Expression;
  readonly message: Expression | undefined;
}

export interface Delete {
  readonly kind: "delete";
  readonly at: Place;
  readonly targets: readonly (Name | Attribute | Subscript)[];
}

export interface Jump {
  readonly kind: "pass" | "break" | "continue";
  readonly at: Place;
}

/** What is assigned to. */
export type Target = Name | Attribute | Subscript | TupleTarget;

/** Takes apart a tuple or a list of as many elements. */
export interface TupleTarget {
  readonly kind: "tuple";
  readonly at: Place;
  readonly elements: readonly Target[];
}

// Expressions

export type Expression =
  | Literal
  | Name
  | Attribute
  | Call
  | Subscript
  | Unary
  | Binary
  | Conditional
  | Tuple
  | List
  | Dictionary
  | Starred
  | TypeForm
  | IsInstance;

/** A number with a minus before it is one literal. `inf` and `nan` are floats, `infj` and `nanj` imaginary. */
export type Literal =
  | { readonly kind: "integer"; readonly at: Place; readonly value: bigint }
  | { readonly kind: "float"; readonly at: Place; readonly value: number }
  | { readonly kind: "imaginary"; readonly at: Place; readonly value: number }
  | { readonly kind: "text"; readonly at: Place; readonly value: string }
  | { readonly kind: "boolean"; readonly at: Place; readonly value: boolean }
  | { readonly kind: "none"; readonly at: Place };

/** A variable, or where a qualified name begins: `torch`, `ops`, `CONSTANTS`, `__torch__`. */
export interface Name {
  readonly kind: "name";
  readonly at: Place;
  readonly name: string;
}

/** `value.name`, or `getattr(value, "name")`, which is written where the name is no identifier. */
export interface Attribute {
  readonly kind: "attribute";
  readonly at: Place;
  readonly value: Expression;
  readonly name: string;
}

export interface Call {
  readonly kind: "call";
  readonly at: Place;
  readonly callee: Expression;
  readonly positional: readonly Expression[];
  readonly keywords: readonly { readonly at: Place; readonly name: string; readonly value: Expression }[];
}

export interface Subscript {
  readonly kind: "subscript";
  readonly at: Place;
  readonly value: Expression;
  /** `x[a, b]` has two, `x[(a, b)]` one, which is a tuple. */
  readonly indices: readonly (Expression | Slice)[];
}

export interface Slice {
  readonly kind: "slice";
  readonly at: Place;
  readonly start: Expression | undefined;
  readonly end: Expression | undefined;
  readonly step: Expression | undefined;
}

export interface Unary {
  readonly kind: "unary";
  readonly at: Place;
  readonly operator: "-" | "~" | "not";
  readonly operand: Expression;
}

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "//" | "%" | "@" | "**" | "&" | "|" | "^" | "<<" | ">>";
export type Comparison = "<" | "<=" | ">" | ">=" | "==" | "!=" | "is" | "is not" | "in" | "not in";

/** `and` and `or` compute their right side where the left does not decide. */
export interface Binary {
  readonly kind: "binary";
  readonly at: Place;
  readonly operator: ArithmeticOperator | Comparison | "and" | "or";
  readonly left: Expression;
  readonly right: Expression;
}

/** `whenTrue if test else whenFalse`. */
export interface Conditional {
  readonly kind: "conditional";
  readonly at: Place;
  readonly test: Expression;
  readonly whenTrue: Expression;
  readonly whenFalse: Expression;
}

export interface Tuple {
  readonly kind: "tuple";
  readonly at: Place;
  readonly elements: readonly Expression[];
}

export interface List {
  readonly kind: "list";
  readonly at: Place;
  readonly elements: readonly Expression[];
}

export interface Dictionary {
  readonly kind: "dictionary";
  readonly at: Place;
  readonly entries: readonly { readonly key: Expression; readonly value: Expression }[];
}

/** `*value`, among a call's arguments alone. */
export interface Starred {
  readonly kind: "starred";
  readonly at: Place;
  readonly value: Expression;
}

/** `annotate(type, value)`, `unchecked_cast(type, value)` and `uninitialized(type)`. */
export type TypeForm =
  | {
      readonly kind: "annotate" | "uncheckedCast";
      readonly at: Place;
      readonly type: TorchType;
      readonly value: Expression;
    }
  | { readonly kind: "uninitialized"; readonly at: Place; readonly type: TorchType };

/** `isinstance(value, type)`, or of any of several types. */
export interface IsInstance {
  readonly kind: "isInstance";
  readonly at: Place;
  readonly value: Expression;
  readonly types: readonly TorchType[];
}

/** What can be a name in the source; an attribute may have any other, which only `getattr` reaches. */
export const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);

/** The dotted name that attributes of a name make: `torch.add`, `CONSTANTS.c0`, `__torch__.a.B`; undefined for others. */
export function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === "name") return expression.name;
  if (expression.kind !== "attribute" || !isIdentifier(expression.name)) return undefined;
  const before = qualifiedName(expression.value);
  return before === undefined ? undefined : `${before}.${expression.name}`;
}
