// Values for inputs and constants of drawn graphs: ordinary ones, and those at which arithmetic behaves oddly.
import { type Dtype, isFloatDtype, isStored, type Random, storedConstant } from "../../kernels/index.ts";
import {
  type ArrayOf,
  constant,
  type Graph,
  newArray,
  staticShape,
  type Tensor,
  type TensorType,
  type TypedArray,
} from "../../runtime/index.ts";

const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Zeros of both signs, the smallest subnormal numbers, and some that become subnormal when they are multiplied. */
const faint = [0, -0, 2 ** -149, -(2 ** -149), 2 ** -140, 1e-30, -1e-30];
const unbounded = [Infinity, -Infinity, Number.NaN, 3e38, -3e38];

/** Fills an array of a dtype with numbers. */
function fill(dtype: Dtype, array: TypedArray, next: () => number): void {
  if (isStored(dtype)) for (let at = 0; at < array.length; at++) array[at] = storedConstant(dtype, next());
  else if (array instanceof BigInt64Array || array instanceof BigUint64Array)
    for (let at = 0; at < array.length; at++) array[at] = BigInt(Math.trunc(next()));
  else for (let at = 0; at < array.length; at++) array[at] = next();
}

/** Values of a step: most often ordinary, now and then some faint ones among them, and rarely one or two unbounded ones. */
export function inputValues(random: Random, dtype: Dtype, shape: readonly number[]): TypedArray {
  const array: TypedArray = newArray<Dtype>(dtype, countOf(shape));
  if (dtype === "bool") fill(dtype, array, () => random.whole(0, 1));
  else if (!isFloatDtype(dtype)) {
    const far = random.chance(0.5) ? 2 ** 40 : 20;
    fill(dtype, array, () => (random.next() - 0.4) * far);
  } else {
    const kind = random.next();
    const spread = random.chance(0.2) ? 60 : 2;
    fill(dtype, array, () => {
      if (kind > 0.7 && random.chance(0.2)) return random.pick(faint);
      return (random.next() - 0.5) * spread;
    });
    if (kind > 0.9 && array.length > 0) {
      const odd: TypedArray = newArray<Dtype>(dtype, random.whole(1, 2));
      fill(dtype, odd, () => random.pick(unbounded));
      for (const each of odd as Float32Array) (array as Float32Array)[random.whole(0, array.length - 1)] = each;
    }
  }
  return array;
}

/** Values of a step for each input of a graph, in order; of one that says how many elements another has, as many as that may have. */
export const inputsFor = (
  random: Random,
  { inputs }: Graph,
  values: (type: TensorType, at: number) => TypedArray = ({ dtype, shape }) =>
    inputValues(random, dtype, staticShape(shape)),
): TypedArray[] =>
  inputs.map(({ name, value: { type } }, at) => {
    const counted = inputs.find((each) => `${each.name}Count` === name)?.value.type;
    if (!counted) return values(type, at);
    return BigInt64Array.of(BigInt(random.whole(0, staticShape(counted.shape)[0]!)));
  });

/** A constant of ordinary numbers within ±`spread`; now and then all of them are one number. */
export function weights<D extends "f32" | "f64">(
  random: Random,
  dtype: D,
  shape: readonly number[],
  spread = 1,
): Tensor<D> {
  const array: TypedArray = newArray<Dtype>(dtype, countOf(shape));
  const one = random.chance(0.03) ? random.next() - 0.5 : undefined;
  fill(dtype, array, () => one ?? (random.next() * 2 - 1) * spread);
  return constant(array as ArrayOf<D>, dtype, shape);
}

/** A constant of signed bytes, or of 32-bit integers. */
export function integers<D extends "i8" | "i32">(random: Random, dtype: D, shape: readonly number[]): Tensor<D> {
  const array: TypedArray = newArray<Dtype>(dtype, countOf(shape));
  fill(dtype, array, () => (dtype === "i8" ? random.whole(-128, 127) : random.whole(-3000, 3000)));
  return constant(array as ArrayOf<D>, dtype, shape);
}
