// Operators that work element by element: arithmetic, comparison, choice, conversion, elementary functions.
import { z } from "zod";
import {
  convertOf,
  type Dtype,
  dtypes,
  type Expression,
  functions,
  generators,
  isFloatDtype,
  isSmallFloat,
  type Lane,
  loop,
} from "../../kernels/index.ts";
import { broadcastShapes, type Shape, showShape, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { indexer } from "./indexing.ts";
import { type Nd, type Operator, operandError, operator } from "./operator.ts";

const none = z.strictObject({});
type Kind = "float" | "integer" | "bool";

export const kindOf = (dtype: Dtype): Kind => (dtype === "bool" ? "bool" : isFloatDtype(dtype) ? "float" : "integer");

interface Meaning {
  /** On float elements, in float64; bool operands and results are 0 and 1. */
  readonly float?: (...operands: number[]) => number;
  /** On integer elements, exactly; the result wraps to its type. */
  readonly integer?: (...operands: bigint[]) => bigint;
  readonly bool?: (...operands: number[]) => number;
}

const allShapes = (name: string, operands: readonly TensorType[]): Shape =>
  operands.reduce<Shape>((shape, { shape: next }) => {
    const joined = broadcastShapes(shape, next);
    if (joined) return joined;
    throw operandError(
      "shape",
      `${name} of ${operands.map(showTensorType).join(" and ")}: the shapes do not broadcast`,
      `${showShape(shape)} and ${showShape(next)} must agree from the right, or be 1`,
    );
  }, []);

const sameDtype = (name: string, operands: readonly TensorType[]): Dtype => {
  const [first] = operands;
  if (operands.some(({ dtype }) => dtype !== first!.dtype)) {
    throw operandError(
      "dtype",
      `${name} of ${operands.map(showTensorType).join(" and ")}: the dtypes differ`,
      "convert one side with .cast()",
    );
  }
  return first!.dtype;
};

/** Reads elements of broadcast operands at one index of the result. */
const readers = (operands: readonly Nd[], shape: readonly number[]) =>
  operands.map((each) => indexer(each.shape, shape));

function evaluateElementwise(operands: readonly Nd[], kind: Kind, meaning: Meaning, result: Nd): void {
  const at = readers(operands, result.shape);
  const { data } = result;
  if (kind === "integer") {
    const f = meaning.integer!;
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    for (let i = 0; i < data.length; i++) {
      const value = f(...operands.map((each, o) => BigInt(each.data[at[o]!(i)]!)));
      if (big) data[i] = value;
      else data[i] = Number(BigInt.asIntN(64, value) & 0xffffffffn);
    }
    return;
  }
  const f = kind === "bool" ? meaning.bool! : meaning.float!;
  // Constants are folded through here, by the hundred thousand elements.
  const [a, b] = operands.map(
    ({ data: values }, o) =>
      (i: number) =>
        Number(values[at[o]!(i)]!),
  );
  if (b) for (let i = 0; i < data.length; i++) data[i] = f(a!(i), b(i));
  else for (let i = 0; i < data.length; i++) data[i] = f(a!(i));
}

export interface Elementwise extends Meaning {
  readonly arity: number;
  readonly result?: "bool";
  readonly expression: (...operands: Expression[]) => Expression;
  readonly errorUlp?: number;
}

/** An operator that works element by element on operands of one dtype, broadcast to one shape. */
export function elementwise(
  name: string,
  { arity, result, expression, errorUlp = 0, ...meaning }: Elementwise,
): Operator {
  return operator({
    name,
    attributes: none,
    errorUlp,
    infer(operands) {
      if (operands.length !== arity)
        throw operandError("arity", `${name} takes ${arity} operands, not ${operands.length}`);
      const dtype = sameDtype(name, operands);
      if (!meaning[kindOf(dtype)])
        throw operandError("dtype", `${name} is not defined on ${dtype}`, "convert the operand with .cast()");
      return { dtype: result ?? dtype, shape: allShapes(name, operands) };
    },
    evaluate: (operands, _, out) => evaluateElementwise(operands, kindOf(operands[0]!.dtype), meaning, out),
    lowering: { kind: "pointwise", expression: (operands) => expression(...operands) },
  });
}

const numeric = (
  name: string,
  expression: Elementwise["expression"],
  float: (a: number, b: number) => number,
  integer: (a: bigint, b: bigint) => bigint,
) =>
  elementwise(name, {
    arity: 2,
    expression,
    float: float as Meaning["float"] & {},
    integer: integer as Meaning["integer"] & {},
  });

const divide = (a: bigint, b: bigint): bigint => (b === 0n ? 0n : a / b);

const comparison = (
  name: string,
  expression: Elementwise["expression"],
  test: (a: number | bigint, b: number | bigint) => boolean,
): Operator =>
  elementwise(name, {
    arity: 2,
    result: "bool",
    expression,
    float: (a, b) => Number(test(a!, b!)),
    integer: (a, b) => BigInt(test(a!, b!)),
    bool: (a, b) => Number(test(a!, b!)),
  });

/** A function of one float. */
export const floatFunction = (
  name: string,
  expression: (x: Expression) => Expression,
  float: (x: number) => number,
  errorUlp: number,
): Operator =>
  elementwise(name, {
    arity: 1,
    expression: expression as Elementwise["expression"],
    float: float as Meaning["float"] & {},
    errorUlp,
  });

const roundHalfEven = (x: number): number => {
  const low = Math.floor(x);
  const up = x - low;
  if (up < 0.5 || Number.isNaN(x) || !Number.isFinite(x)) return up < 0.5 ? (Object.is(x, -0) ? x : low) : x;
  if (up > 0.5) return Object.is(low + 1, 0) && x < 0 ? -0 : low + 1;
  const even = low % 2 === 0 ? low : low + 1;
  return even === 0 && x < 0 ? -0 : even;
};

/** The second where it wins or is NaN, else the first: Math.max and Math.min treat zeros otherwise, and know no bigint. */
const pick =
  <T extends number | bigint>(wins: (b: T, a: T) => boolean) =>
  (a: T, b: T): T =>
    Number.isNaN(b) || wins(b, a) ? b : a;
const larger = (b: number | bigint, a: number | bigint): boolean => b > a;
const smaller = (b: number | bigint, a: number | bigint): boolean => b < a;

export const add = numeric(
  "add",
  loop.add as Elementwise["expression"],
  (a, b) => a + b,
  (a, b) => a + b,
);
export const sub = numeric(
  "sub",
  loop.sub as Elementwise["expression"],
  (a, b) => a - b,
  (a, b) => a - b,
);
export const mul = numeric(
  "mul",
  loop.mul as Elementwise["expression"],
  (a, b) => a * b,
  (a, b) => a * b,
);
/** Integer division truncates; by zero it gives 0. */
export const div = numeric("div", loop.div as Elementwise["expression"], (a, b) => a / b, divide);
/** The larger; NaN wins, and of two zeros the first stays. */
export const maximum = numeric(
  "maximum",
  generators.maximum as Elementwise["expression"],
  pick<number>(larger),
  pick<bigint>(larger),
);
/** The smaller; NaN wins, and of two zeros the first stays. */
export const minimum = numeric(
  "minimum",
  generators.minimum as Elementwise["expression"],
  pick<number>(smaller),
  pick<bigint>(smaller),
);
export const neg = elementwise("neg", {
  arity: 1,
  expression: loop.neg as Elementwise["expression"],
  float: (a) => -a!,
  integer: (a) => -a!,
});
export const abs = elementwise("abs", {
  arity: 1,
  expression: loop.abs as Elementwise["expression"],
  float: (a) => Math.abs(a!),
  integer: (a) => (a! < 0n ? -a! : a!),
});

export const equal = comparison("equal", loop.eq as Elementwise["expression"], (a, b) => a === b);
export const notEqual = comparison("notEqual", loop.ne as Elementwise["expression"], (a, b) => a !== b);
export const less = comparison("less", loop.lt as Elementwise["expression"], (a, b) => a < b);
export const lessEqual = comparison("lessEqual", loop.le as Elementwise["expression"], (a, b) => a <= b);
export const greater = comparison("greater", loop.gt as Elementwise["expression"], (a, b) => a > b);
export const greaterEqual = comparison("greaterEqual", loop.ge as Elementwise["expression"], (a, b) => a >= b);

export const logicalAnd = elementwise("logicalAnd", {
  arity: 2,
  expression: loop.and as Elementwise["expression"],
  bool: (a, b) => a! & b!,
});
export const logicalOr = elementwise("logicalOr", {
  arity: 2,
  expression: loop.or as Elementwise["expression"],
  bool: (a, b) => a! | b!,
});
export const logicalNot = elementwise("logicalNot", {
  arity: 1,
  expression: loop.not as Elementwise["expression"],
  bool: (a) => 1 - a!,
});

export const sqrt = floatFunction("sqrt", loop.sqrt, Math.sqrt, 0);
export const floor = floatFunction("floor", loop.floor, Math.floor, 0);
export const ceil = floatFunction("ceil", loop.ceil, Math.ceil, 0);
/** To the nearest integer, halves to even. */
export const round = floatFunction("round", loop.roundEven, roundHalfEven, 0);
export const exp = floatFunction("exp", functions.exp, Math.exp, 2);
export const log = floatFunction("log", functions.log, Math.log, 2);
export const tanh = floatFunction("tanh", functions.tanh, Math.tanh, 3);
export const sigmoid = floatFunction(
  "sigmoid",
  functions.sigmoid,
  (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  4,
);
/** x in radians, of any size; NaN of an infinity. */
export const sin = floatFunction("sin", functions.sin, Math.sin, 2);
/** x in radians, of any size; NaN of an infinity. */
export const cos = floatFunction("cos", functions.cos, Math.cos, 2);
export const atan = floatFunction("atan", functions.atan, Math.atan, 2);
export const atan2 = elementwise("atan2", {
  arity: 2,
  expression: functions.atan2 as Elementwise["expression"],
  float: (y, x) => Math.atan2(y!, x!),
  errorUlp: 3,
});

/** x^y as C has it: where JavaScript gives NaN, 1 to any y and −1 to an infinity are 1. */
const power = (x: number, y: number): number => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y);

/** x^y; 1^y and x^0 are 1 even for NaN, a negative x to a fraction is NaN. */
export const pow = elementwise("pow", {
  arity: 2,
  expression: functions.pow as Elementwise["expression"],
  float: (x, y) => power(x!, y!),
  errorUlp: 2,
});

/** condition ? a : b. condition: bool; a, b: one dtype. */
export const where = operator({
  name: "where",
  attributes: none,
  errorUlp: 0,
  moves: true,
  infer([condition, a, b]) {
    if (condition!.dtype !== "bool")
      throw operandError("dtype", `where needs a bool condition, not ${showTensorType(condition!)}`);
    return { dtype: sameDtype("where", [a!, b!]), shape: allShapes("where", [condition!, a!, b!]) };
  },
  evaluate(operands, _, result) {
    const [condition, a, b] = operands as [Nd, Nd, Nd];
    const at = readers(operands, result.shape);
    for (let i = 0; i < result.data.length; i++) {
      result.data[i] = condition.data[at[0]!(i)] ? a.data[at[1]!(i)]! : b.data[at[2]!(i)]!;
    }
  },
  lowering: { kind: "pointwise", expression: ([condition, a, b]) => loop.select(condition!, a!, b!) },
});

const castAttributes = z.strictObject({
  dtype: z.enum(dtypes),
  saturate: z.boolean().optional(),
  rounding: z.enum(["up", "down", "nearest"]).optional(),
});

/**
 * Another dtype: floats truncate and saturate to integers, NaN becomes 0; integers wrap, or round once to floats; bool is 0 or 1.
 *
 * To integers of 4 and 2 bits floats are truncated as to i32, of which the lower bits stay. To floats of 8 and 4 bits too large
 * numbers saturate, infinities too; unless `saturate`, those of 8 bits become infinite, or NaN where there is no infinity, which is
 * what PyTorch's conversion does. NaN as f4e2m1, which has none, is −0. To f8e8m0, which has powers of two, magnitudes are rounded
 * up, or as `rounding` says. All is ONNX's Cast.
 */
export const cast = operator({
  name: "cast",
  attributes: castAttributes,
  errorUlp: 0,
  moves: true,
  infer([x], { dtype, saturate, rounding }) {
    // What would mean nothing is refused.
    const refused = (what: string, of: string) =>
      operandError("attributes", `cast of ${showTensorType(x!)} to ${dtype} with ${what}`, `${what} is for ${of}`);
    if (saturate !== undefined && !(isSmallFloat(dtype) && dtype !== "f4e2m1"))
      throw refused("saturate", "floats of 8 bits");
    if (rounding !== undefined && dtype !== "f8e8m0") throw refused("rounding", "f8e8m0");
    return { dtype, shape: x!.shape };
  },
  evaluate([x], { dtype, ...narrowing }, { data }) {
    const convert = convertOf(x!.dtype, dtype, narrowing);
    for (let i = 0; i < data.length; i++) (data as { [at: number]: Lane })[i] = convert(x!.data[i]!);
  },
  lowering: { kind: "pointwise", expression: ([x], { dtype, ...narrowing }) => loop.convert(x!, dtype, narrowing) },
});
