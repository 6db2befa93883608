// The expressions of TorchScript: names, attributes, calls and displays, as values.
import { torchMisfit, unsupportedTorch, wholeNumber } from "./call.ts";
import { isGrownList, knownItems } from "./flow/grown.ts";
import { type Calls, type Frame, mostStatements } from "./frame.ts";
import { slicePlaces } from "./operators/index.ts";
import { type Call, type Expression, qualifiedName, type Slice, type Subscript } from "./source/syntax.ts";
import {
  kindOfTorch,
  TorchCallable,
  TorchDevice,
  TorchNumber,
  TorchObject,
  TorchOptional,
  TorchTensor,
  TorchTuple,
  type TorchValue,
  unset,
} from "./values.ts";

const none: ReadonlyMap<string, TorchValue> = new Map();

const arithmetic = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "//": "floordiv",
  "%": "remainder",
  "@": "matmul",
  "**": "pow",
  "&": "__and__",
  "|": "__or__",
  "^": "__xor__",
  "<<": "__lshift__",
  ">>": "__rshift__",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
  "==": "eq",
  "!=": "ne",
  is: "__is__",
  "is not": "__isnot__",
} as const;

/** How many turns a `range` has. */
const rangeItems = (args: readonly TorchValue[]): TorchValue[] => {
  const [first, second, third] = args.map((each) => {
    if (typeof each === "bigint") return wholeNumber(each);
    throw torchMisfit(`range is given ${kindOfTorch(each)}`);
  });
  const [start, end, step] = second === undefined ? [0, first ?? 0, 1] : [first!, second, third ?? 1];
  if (step === 0) throw torchMisfit("range has steps of 0");
  const count = Math.max(0, Math.ceil((end - start) / step));
  if (count > mostStatements) throw unsupportedTorch(`a loop of ${count} turns`);
  return Array.from({ length: count }, (_, at) => BigInt(start + at * step));
};

/** Evaluates expressions for an evaluator, which knows functions, classes and operators. */
export class Expressions {
  readonly #evaluator: Calls;

  constructor(evaluator: Calls) {
    this.#evaluator = evaluator;
  }

  evaluate(expression: Expression, frame: Frame): TorchValue {
    const of = (each: Expression): TorchValue => this.evaluate(each, frame);
    switch (expression.kind) {
      case "integer":
      case "float":
      case "text":
      case "boolean":
        return expression.value;
      case "none":
        return null;
      case "imaginary":
        throw unsupportedTorch("complex numbers");
      case "name":
        return this.#named(expression.name, frame);
      case "attribute":
        return this.#attribute(expression, frame);
      case "call":
        return this.#call(expression, frame);
      case "subscript":
        return this.#subscript(expression, frame);
      case "unary": {
        const operand = of(expression.operand);
        const name = { "-": "neg", "~": "bitwise_not", not: "__not__" }[expression.operator];
        return this.#evaluator.apply(name, [operand], none);
      }
      case "binary": {
        const left = of(expression.left);
        switch (expression.operator) {
          case "and":
            return this.#evaluator.choose(
              left,
              () => of(expression.right),
              () => false,
            );
          case "or":
            return this.#evaluator.choose(
              left,
              () => true,
              () => of(expression.right),
            );
          case "in":
            return this.#evaluator.apply("__contains__", [of(expression.right), left], none);
          case "not in":
            return this.#evaluator.apply(
              "__not__",
              [this.#evaluator.apply("__contains__", [of(expression.right), left], none)],
              none,
            );
          default:
            return this.#evaluator.apply(arithmetic[expression.operator], [left, of(expression.right)], none);
        }
      }
      case "conditional":
        return this.#evaluator.choose(
          of(expression.test),
          () => of(expression.whenTrue),
          () => of(expression.whenFalse),
        );
      case "tuple":
        return new TorchTuple(expression.elements.map(of));
      case "list":
        return expression.elements.map(of);
      case "dictionary":
        return new Map(expression.entries.map(({ key, value }) => [of(key) as string, of(value)]));
      case "starred":
        throw torchMisfit("a starred value stands alone");
      case "annotate":
        return of(expression.value);
      // Behind a question whether it is None: what it is otherwise.
      case "uncheckedCast": {
        const value = of(expression.value);
        return value instanceof TorchOptional ? value.value : value;
      }
      case "uninitialized":
        return unset;
      case "isInstance":
        throw unsupportedTorch("isinstance");
    }
  }

  #named(name: string, frame: Frame): TorchValue {
    const value = frame.variables.get(name);
    if (value !== undefined) return value;
    throw torchMisfit(`${name} is used before it is set`);
  }

  #attribute(expression: Extract<Expression, { kind: "attribute" }>, frame: Frame): TorchValue {
    const path = qualifiedName(expression);
    if (path !== undefined && !frame.variables.has(path.split(".")[0]!)) return this.#global(path);
    const object = this.evaluate(expression.value, frame);
    if (object instanceof TorchTuple && object.fields) {
      const at = object.fields.indexOf(expression.name);
      if (at >= 0) return object.items[at]!;
    }
    if (object instanceof TorchObject) {
      const own = object.attributes.get(expression.name);
      const found = own === undefined ? this.#evaluator.constantOf(object, expression.name) : own;
      if (found !== undefined) return found;
      if (this.#evaluator.method(object, expression.name)) return new TorchCallable(expression.name, object);
    }
    throw torchMisfit(`${kindOfTorch(object)} has no attribute ${expression.name}`);
  }

  /** What a dotted name stands for that begins with no variable. */
  #global(path: string): TorchValue {
    const constant = /^CONSTANTS\.c(\d+)$/.exec(path);
    if (constant) {
      const value = this.#evaluator.constants[Number(constant[1])];
      if (value === undefined) throw torchMisfit(`the archive has no constant ${path}`);
      return value;
    }
    return new TorchCallable(path);
  }

  #call(call: Call, frame: Frame): TorchValue {
    const positional = call.positional.flatMap((each): readonly TorchValue[] => {
      if (each.kind !== "starred") return [this.evaluate(each, frame)];
      const items = this.evaluate(each.value, frame);
      return Array.isArray(items) ? knownItems(items) : items instanceof TorchTuple ? items.items : [];
    });
    const keywords = new Map(call.keywords.map(({ name, value }) => [name, this.evaluate(value, frame)]));
    const { callee } = call;
    if (callee.kind === "name" && !frame.variables.has(callee.name)) {
      if (callee.name === "range" && !positional.some((each) => each instanceof TorchNumber))
        return rangeItems(positional);
      return this.#evaluator.apply(callee.name, positional, keywords);
    }
    const found = this.evaluate(callee, frame);
    if (!(found instanceof TorchCallable)) throw torchMisfit(`${kindOfTorch(found)} is called`);
    return this.#invoke(found, positional, keywords);
  }

  #invoke(
    callable: TorchCallable,
    positional: readonly TorchValue[],
    keywords: ReadonlyMap<string, TorchValue>,
  ): TorchValue {
    const { name, self } = callable;
    if (self) return this.#evaluator.call(this.#evaluator.method(self, name)!, [self, ...positional], keywords);
    const own = this.#evaluator.function(name);
    if (own) return this.#evaluator.call(own, positional, keywords);
    // An object whose __init__ is called in the next statement.
    if (name.endsWith(".__new__")) return new TorchObject(name.slice(0, -".__new__".length));
    const object = this.#evaluator.construct(name, positional, keywords);
    if (object !== undefined) return object;
    if (name === "torch.device") return new TorchDevice();
    const packed = /^ops\.quantized\.(\w+)$/.exec(name);
    if (packed) return this.#evaluator.apply(`quantized::${packed[1]}`, positional, keywords);
    const operator = /^(?:torch|ops\.(?:aten|prim))\.(?:\w+\.)*(\w+)$/.exec(name);
    if (!operator) throw unsupportedTorch(`${name} is not there`);
    return this.#evaluator.apply(operator[1]!, positional, keywords);
  }

  #subscript(expression: Subscript, frame: Frame): TorchValue {
    const container = this.evaluate(expression.value, frame);
    const [index] = expression.indices;
    if (expression.indices.length !== 1 || !index) throw unsupportedTorch("several indices of a list");
    if (index.kind !== "slice")
      return this.#evaluator.apply("__getitem__", [container, this.evaluate(index, frame)], none);
    return this.#slice(container, index, frame);
  }

  #slice(container: TorchValue, { start, end, step }: Slice, frame: Frame): TorchValue {
    const [from, to, by] = [start, end, step].map((each) => (each ? this.evaluate(each, frame) : null));
    if (container instanceof TorchTensor)
      return this.#evaluator.apply("slice", [container, 0n, from!, to!, by ?? 1n], none);
    if (isGrownList(container)) return this.#evaluator.apply("slice", [container, from!, to!, by!], none);
    const items = Array.isArray(container) ? container : container instanceof TorchTuple ? container.items : undefined;
    if (!items) throw torchMisfit(`${kindOfTorch(container)} is sliced`);
    const taken = slicePlaces(items.length, from!, to!, by!).map((at) => items[at]!);
    return container instanceof TorchTuple ? new TorchTuple(taken) : taken;
  }
}
