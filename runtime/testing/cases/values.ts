// The values of generated operands, which reach the corners of operators.
import { type FloatDtype, isFloatDtype } from "../../../kernels/index.ts";
import { arrayFrom, countOf, newArray, type TensorType, type TypedArray } from "../../graph/tensor-type.ts";

/** Operators whose chains would overflow on the way where float64 does not: they get values of moderate size. */
const moderate = new Set([
  "sum",
  "prod",
  "mean",
  "matmul",
  "packedMatmul",
  "linear",
  "conv1d",
  "conv2d",
  "conv3d",
  "convTranspose1d",
  "convTranspose2d",
  "convTranspose3d",
  "deformConv2d",
  "blockedConv2d",
  "depthwiseConv2d",
  "groupedConv2d",
  "winogradConv2d",
  "gridSample",
  "gridSampler2d",
  "gridSampler3d",
  "avgPool",
  "lpPool",
  "adaptiveAvgPool",
  "batchNorm",
  "groupNorm",
  "instanceNorm",
  "softmax",
  "resize",
  "logSoftmax",
  "layerNorm",
  "rmsNorm",
  "attention",
  "tiledAttention",
  "indexPut",
  "scatter",
  "scatterND",
  "cumsum",
  "cumprod",
  "variance",
  "std",
  "logSumExp",
  "gelu",
]);

/** A generator of numbers in [0, 1) with a seed. */
function uniform(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** The least and the greatest positive number. */
const ends: { readonly [D in FloatDtype]: readonly [number, number] } = {
  f8e4m3fn: [2 ** -9, 448],
  f8e4m3fnuz: [2 ** -10, 240],
  f8e5m2: [2 ** -16, 57344],
  f8e5m2fnuz: [2 ** -17, 57344],
  f8e8m0: [2 ** -127, 2 ** 127],
  f4e2m1: [0.5, 6],
  f16: [2 ** -24, 65504],
  bf16: [2 ** -133, 3.3895313892515355e38],
  f32: [2 ** -149, 3.4028234663852886e38],
  f64: [2 ** -1074, Number.MAX_VALUE],
};

/** Values for an operand: ordinary ones mixed with zeros of both signs, subnormals, infinities, NaN and the ends of the type. */
export function valuesFor(name: string, { dtype, shape: of }: TensorType, seed: number): TypedArray {
  const next = uniform(seed * 2654435761 + 1);
  const count = countOf(of as readonly number[]);
  if (dtype === "bool")
    return arrayFrom(
      "bool",
      Array.from({ length: count }, () => next() < 0.5),
    );
  if (!isFloatDtype(dtype)) {
    const bits = Number(dtype.slice(1));
    const array = newArray(dtype, count);
    for (let i = 0; i < count; i++) {
      const wide = (BigInt(Math.floor(next() * 2 ** 32)) << 32n) | BigInt(Math.floor(next() * 2 ** 32));
      const value = next() < 0.5 ? BigInt(Math.floor(next() * 9) - 4) : wide;
      if (array instanceof BigInt64Array || array instanceof BigUint64Array) array[i] = value;
      else array[i] = Number(dtype.startsWith("u") ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value));
    }
    return array;
  }
  const [tiny, huge] = ends[dtype];
  const specials = [0, -0, tiny, -tiny, tiny * 1234567, Infinity, -Infinity, NaN, 1, -1, 0.5];
  const extremes = moderate.has(name) ? specials : [...specials, huge, -huge];
  // One tensor in two is free of specials, which would drown reductions in NaN.
  const rate = next() < 0.5 ? 0 : name === "gridSample" || moderate.has(name) ? 0.03 : 0.3;
  const spread = moderate.has(name) ? 1 : 6;
  return arrayFrom(
    dtype,
    Array.from({ length: count }, () => {
      if (next() < rate) return extremes[Math.floor(next() * extremes.length)]!;
      return (next() - 0.5) * 2 ** (1 + Math.floor(next() * spread));
    }),
  );
}
