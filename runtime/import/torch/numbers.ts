// Numbers that are known only while the model runs: arithmetic, comparisons and conversions, as TorchScript has them for numbers.
import { constant, type Tensor, where } from "../../capture/tensor.ts";
import { isScalar } from "./call.ts";
import {
  type Bounds,
  kindOfNumber,
  type NumberKind,
  numberDtypes,
  TorchNumber,
  TorchRange,
  TorchTensor,
  type TorchValue,
} from "./values.ts";

type Function = (...values: TorchValue[]) => TorchValue | undefined;

/** A number of any kind as a tensor of the dtype of another; undefined for what is none. */
function asKind(value: TorchValue | undefined, kind: NumberKind): Tensor | undefined {
  const dtype = numberDtypes[kind];
  if (value instanceof TorchNumber) return value.kind === kind ? value.tensor : value.tensor.cast(dtype);
  if (value === undefined || !isScalar(value)) return undefined;
  if (typeof value === "bigint" && kind === "int") return constant(BigInt64Array.of(value), "i64", []);
  return constant([Number(value)], dtype, []);
}

const widths = { bool: 0, int: 1, float: 2 } as const;

/** The kind of an operation on two numbers; undefined where one is none. */
function commonKind(a: TorchValue | undefined, b: TorchValue | undefined): NumberKind | undefined {
  const [one, other] = [kindOfNumber(a), kindOfNumber(b)];
  return one && other && (widths[one] >= widths[other] ? one : other);
}

/** The number that a tensor of one element holds; its kind is that of its dtype unless one is given. */
export function numberIn(tensor: Tensor, kind?: NumberKind, bounds?: Bounds): TorchNumber {
  const { dtype } = tensor.type;
  const own = kind ?? (dtype === "bool" ? "bool" : /^(b?f|f8)/.test(dtype) ? "float" : "int");
  const scalar = tensor.type.shape.length === 0 ? tensor : tensor.reshape([]);
  // Floats lose their fractions on the way to an int.
  const whole = own === "int" && /^b?f/.test(dtype) ? (scalar as Tensor<"f32">).trunc() : scalar;
  const to = numberDtypes[own];
  return new TorchNumber(own, dtype === to ? whole : whole.cast(to), bounds);
}

/** A number of any kind as a tensor of no dimension; undefined for what is none. */
export function numberTensor(value: TorchValue): Tensor | undefined {
  const kind = kindOfNumber(value);
  return kind && asKind(value, kind);
}

type Two<D extends "i64" | "f64" | "bool"> = (a: Tensor<D>, b: Tensor<D>) => Tensor;

/** Between which numbers an int lies, where that is known. */
export function boundsOf(value: TorchValue | undefined): Bounds | undefined {
  if (value instanceof TorchNumber) return value.bounds;
  return typeof value === "bigint" ? { least: Number(value), most: Number(value) } : undefined;
}

/** Bounds of a function that rises or falls in each of its operands: of their ends, the least and the greatest that it gives. */
function boundsThrough(a: TorchValue, b: TorchValue, of: (a: number, b: number) => number): Bounds | undefined {
  const [one, other] = [boundsOf(a), boundsOf(b)];
  if (!one || !other) return undefined;
  const ends = [one.least, one.most].flatMap((x) => [other.least, other.most].map((y) => of(x, y)));
  const bounds = { least: Math.min(...ends), most: Math.max(...ends) };
  return Object.values(bounds).every(Number.isSafeInteger) ? bounds : undefined;
}

/** An operation of two numbers, of ints where both are, else of floats. */
const arithmetic =
  (ints: Two<"i64"> | undefined, floats: Two<"f64">, numbers?: (a: number, b: number) => number): Function =>
  (a, b) => {
    const common = commonKind(a, b);
    if (!common) return undefined;
    const kind = common === "float" || !ints ? "float" : "int";
    const [left, right] = [asKind(a, kind)!, asKind(b, kind)!];
    const result =
      kind === "int"
        ? ints!(left as Tensor<"i64">, right as Tensor<"i64">)
        : floats(left as Tensor<"f64">, right as Tensor<"f64">);
    const bounds = kind === "int" && numbers ? boundsThrough(a!, b!, numbers) : undefined;
    return numberIn(result, undefined, bounds);
  };

/** A comparison, which bounds may decide. */
const comparison =
  (compare: Two<"f64">, decided?: (a: Bounds, b: Bounds) => boolean | undefined): Function =>
  (a, b) => {
    const kind = commonKind(a, b);
    if (!kind) return undefined;
    const [one, other] = [boundsOf(a), boundsOf(b)];
    const answer = one && other && decided?.(one, other);
    if (answer !== undefined) return answer;
    const of = kind === "bool" ? "int" : kind;
    return numberIn(compare(asKind(a, of) as Tensor<"f64">, asKind(b, of) as Tensor<"f64">));
  };

/** Logic of bools, which a known one may decide; bits of ints. */
const logic =
  (decides: boolean, bools: Two<"bool">): Function =>
  (a, b) => {
    if (commonKind(a, b) !== "bool") return undefined;
    for (const [one, other] of [
      [a, b],
      [b, a],
    ])
      if (typeof one === "boolean") return one === decides ? decides : other;
    return numberIn(bools(asKind(a, "bool") as Tensor<"bool">, asKind(b, "bool") as Tensor<"bool">));
  };

const ofOne =
  (ints: ((a: Tensor<"i64">) => Tensor) | undefined, floats: (a: Tensor<"f64">) => Tensor): Function =>
  (a) => {
    if (!(a instanceof TorchNumber)) return undefined;
    const kind = a.kind === "float" || !ints ? "float" : "int";
    const tensor = asKind(a, kind)!;
    return numberIn(kind === "int" ? ints!(tensor as Tensor<"i64">) : floats(tensor as Tensor<"f64">));
  };

const toInt =
  (round: (a: Tensor<"f64">) => Tensor): Function =>
  (a) => {
    if (!(a instanceof TorchNumber)) return undefined;
    return a.kind === "float"
      ? numberIn(round(a.tensor as Tensor<"f64">).cast("i64"))
      : numberIn(a.tensor, "int", a.bounds);
  };

const converted =
  (kind: NumberKind): Function =>
  (a) =>
    a instanceof TorchNumber ? (a.kind === kind ? a : numberIn(a.tensor, kind)) : undefined;

const extreme =
  (choose: (a: Tensor, b: Tensor) => Tensor, numbers: (a: number, b: number) => number): Function =>
  (...values) => {
    const [first, ...others] = Array.isArray(values[0]) ? values[0] : values;
    const better = arithmetic(choose, choose, numbers);
    return others.reduce<TorchValue | undefined>((best, each) => better(best!, each), first);
  };

const never: Function = (a, b) => {
  const isNone = (value: TorchValue | undefined) => value === null;
  return isNone(a) || isNone(b) ? false : undefined;
};

/** Whether all that lies between some bounds is less than all between others; undefined where that depends. */
const isLess = (a: Bounds, b: Bounds): boolean | undefined =>
  a.most < b.least ? true : a.least >= b.most ? false : undefined;
const negated = (answer: boolean | undefined): boolean | undefined => (answer === undefined ? undefined : !answer);

const equal = comparison((a, b) => a.equal(b));
const unequal = comparison((a, b) => a.notEqual(b));

/** Functions of numbers by their names; undefined for operands that they do not have. */
export const numberFunctions: { readonly [name: string]: Function } = {
  add: arithmetic(
    (a, b) => a.add(b),
    (a, b) => a.add(b),
    (a, b) => a + b,
  ),
  sub: arithmetic(
    (a, b) => a.sub(b),
    (a, b) => a.sub(b),
    (a, b) => a - b,
  ),
  mul: arithmetic(
    (a, b) => a.mul(b),
    (a, b) => a.mul(b),
    (a, b) => a * b,
  ),
  div: arithmetic(undefined, (a, b) => a.div(b)),
  floordiv: arithmetic(
    (a, b) => a.floorDivide(b),
    (a, b) => a.div(b).floor(),
    (a, b) => (b > 0 ? Math.floor(a / b) : Number.NaN),
  ),
  remainder: arithmetic(
    (a, b) => a.remainder(b),
    (a, b) => a.remainder(b),
  ),
  pow: arithmetic(undefined, (a, b) => a.pow(b)),
  min: extreme((a, b) => a.minimum(b), Math.min),
  max: extreme((a, b) => a.maximum(b), Math.max),
  neg: ofOne(
    (a) => a.neg(),
    (a) => a.neg(),
  ),
  abs: ofOne(
    (a) => a.abs(),
    (a) => a.abs(),
  ),
  sqrt: ofOne(undefined, (a) => a.sqrt()),
  floor: toInt((a) => a.floor()),
  ceil: toInt((a) => a.ceil()),
  eq: equal,
  ne: unequal,
  lt: comparison((a, b) => a.less(b), isLess),
  le: comparison(
    (a, b) => a.lessEqual(b),
    (a, b) => negated(isLess(b, a)),
  ),
  gt: comparison(
    (a, b) => a.greater(b),
    (a, b) => isLess(b, a),
  ),
  ge: comparison(
    (a, b) => a.greaterEqual(b),
    (a, b) => negated(isLess(a, b)),
  ),
  __not__: (a) =>
    a instanceof TorchNumber && a.kind === "bool" ? numberIn((a.tensor as Tensor<"bool">).not()) : undefined,
  __and__: logic(false, (a, b) => a.and(b)),
  __or__: logic(true, (a, b) => a.or(b)),
  __is__: (a, b) => never(a, b) ?? equal(a!, b!),
  __isnot__: (a, b) => (never(a, b) === false ? true : unequal(a!, b!)),
  Int: converted("int"),
  IntImplicit: converted("int"),
  int: converted("int"),
  Float: converted("float"),
  FloatImplicit: converted("float"),
  float: converted("float"),
  Bool: converted("bool"),
  bool: converted("bool"),
  ScalarImplicit: (a) => a,
  annotate: (a) => a,
  unchecked_unwrap_optional: (a) => a,
  NumToTensor: (a) =>
    a instanceof TorchNumber ? TorchTensor.of(a.kind === "float" ? a.tensor.cast("f32") : a.tensor) : undefined,
  __range_length: (start, end, step) => {
    if (typeof step !== "bigint" || step === 0n) return undefined;
    const left = arithmetic(
      (a, b) => a.sub(b),
      (a, b) => a.sub(b),
    )(end!, start!);
    if (!(left instanceof TorchNumber)) return undefined;
    // Rounded up, whichever way it goes.
    const turns = (left.tensor as Tensor<"i64">)
      .neg()
      .floorDivide(constant(BigInt64Array.of(step), "i64", []))
      .neg();
    return numberIn(turns.maximum(0));
  },
  __derive_index: (index, start, step) => {
    const far = numberFunctions.mul!(index!, step!);
    return far === undefined ? undefined : numberFunctions.add!(far, start!);
  },
  range: (...values) => {
    const [start, end, step] = values.length === 1 ? [0n, values[0]!, 1n] : [values[0]!, values[1]!, values[2] ?? 1n];
    const count = numberFunctions.__range_length!(start, end, step);
    return count instanceof TorchNumber ? new TorchRange(start, count, step) : undefined;
  },
};

/** A number in the place of another where a condition is true. */
export const chosenInt = (condition: Tensor<"bool">, value: bigint, otherwise: TorchNumber): TorchNumber =>
  numberIn(where(condition, asKind(value, "int")!, otherwise.tensor));
