// The tensor API as free functions, for those who write add(a, b) rather than a.add(b).
import type { Dtype, FloatDtype } from "../kernels/index.ts";
import type { PadOptions } from "./capture/methods/arrangement.ts";
import type { MaxPoolOptions, MaxUnpoolOptions, NormOptions, PoolOptions } from "./capture/methods/channels.ts";
import type { EluOptions, GeluOptions, SoftplusOptions } from "./capture/methods/elementwise.ts";
import type { RunningOptions, VarianceOptions } from "./capture/methods/reduction.ts";
import type { WithIndices } from "./capture/methods/symbolic.ts";
import { tensorOf } from "./capture/options.ts";
import type { Extents } from "./capture/pair.ts";
import type { Operand, Tensor } from "./capture/tensor.ts";

type Float = FloatDtype;
type Bits = Exclude<Dtype, Float>;
type Integer = Exclude<Bits, "bool">;
type Numeric = Exclude<Dtype, "bool">;

export const add = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("add", a).add(b);
export const sub = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("sub", a).sub(b);
export const mul = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("mul", a).mul(b);
export const div = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("div", a).div(b);
export const maximum = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("maximum", a).maximum(b);
export const minimum = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => tensorOf("minimum", a).minimum(b);
export const clamp = <D extends Dtype>(x: Tensor<D>, low: Operand<D>, high: Operand<D>): Tensor<D> =>
  tensorOf("clamp", x).clamp(low, high);
export const relu = <D extends Dtype>(x: Tensor<D>): Tensor<D> => tensorOf("relu", x).relu();
export const neg = <D extends Dtype>(x: Tensor<D>): Tensor<D> => tensorOf("neg", x).neg();
export const abs = <D extends Dtype>(x: Tensor<D>): Tensor<D> => tensorOf("abs", x).abs();
export const sqrt = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("sqrt", x).sqrt();
export const floor = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("floor", x).floor();
export const ceil = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("ceil", x).ceil();
export const round = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("round", x).round();
export const exp = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("exp", x).exp();
export const log = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("log", x).log();
export const tanh = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("tanh", x).tanh();
export const sigmoid = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("sigmoid", x).sigmoid();
export const sin = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("sin", x).sin();
export const cos = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("cos", x).cos();
export const atan = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("atan", x).atan();
/** The angle of (x, y). */
export const atan2 = <D extends Float>(y: Tensor<D>, x: Operand<D>): Tensor<D> => tensorOf("atan2", y).atan2(x);
export const pow = <D extends Float>(x: Tensor<D>, y: Operand<D>): Tensor<D> => tensorOf("pow", x).pow(y);
export const erf = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("erf", x).erf();
export const elu = <D extends Float>(x: Tensor<D>, options?: EluOptions): Tensor<D> => tensorOf("elu", x).elu(options);
export const silu = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("silu", x).silu();
export const tan = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("tan", x).tan();
export const asin = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("asin", x).asin();
export const acos = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("acos", x).acos();
export const sinh = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("sinh", x).sinh();
export const cosh = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("cosh", x).cosh();
export const log1p = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("log1p", x).log1p();
export const expm1 = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("expm1", x).expm1();
export const log2 = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("log2", x).log2();
export const rsqrt = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("rsqrt", x).rsqrt();
export const trunc = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("trunc", x).trunc();
/** x times the normal distribution below it. */
export const gelu = <D extends Float>(x: Tensor<D>, options?: GeluOptions): Tensor<D> =>
  tensorOf("gelu", x).gelu(options);
/** ln (1 + e^(beta·x)) / beta. */
export const softplus = <D extends Float>(x: Tensor<D>, options?: SoftplusOptions): Tensor<D> =>
  tensorOf("softplus", x).softplus(options);
/** 1, 0 or −1; 0 of NaN. */
export const sign = <D extends Numeric>(x: Tensor<D>): Tensor<D> => tensorOf("sign", x).sign();
/** a − b·⌊a / b⌋, with the sign of b. */
export const remainder = <D extends Numeric>(a: Tensor<D>, b: Operand<D>): Tensor<D> =>
  tensorOf("remainder", a).remainder(b);
/** ⌊a / b⌋. */
export const floorDivide = <D extends Numeric>(a: Tensor<D>, b: Operand<D>): Tensor<D> =>
  tensorOf("floorDivide", a).floorDivide(b);
const isNotANumber = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => tensorOf("isNaN", x).isNaN();
export const isInf = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => tensorOf("isInf", x).isInf();
const isFiniteNumber = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => tensorOf("isFinite", x).isFinite();

export { isFiniteNumber as isFinite, isNotANumber as isNaN };
export const bitwiseAnd = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> =>
  tensorOf("bitwiseAnd", a).bitwiseAnd(b);
export const bitwiseOr = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> =>
  tensorOf("bitwiseOr", a).bitwiseOr(b);
export const bitwiseXor = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> =>
  tensorOf("bitwiseXor", a).bitwiseXor(b);
export const bitwiseNot = <D extends Bits>(x: Tensor<D>): Tensor<D> => tensorOf("bitwiseNot", x).bitwiseNot();
export const bitwiseLeftShift = <D extends Integer>(x: Tensor<D>, count: Operand<D>): Tensor<D> =>
  tensorOf("bitwiseLeftShift", x).bitwiseLeftShift(count);
export const bitwiseRightShift = <D extends Integer>(x: Tensor<D>, count: Operand<D>): Tensor<D> =>
  tensorOf("bitwiseRightShift", x).bitwiseRightShift(count);
export const matmul = <D extends Numeric>(a: Tensor<D>, b: Tensor<D>): Tensor<D> => tensorOf("matmul", a).matmul(b);
/** x · wᵀ + b, with w: [o,i] and b: [o]. */
export const linear = <D extends Float>(x: Tensor<D>, w: Tensor<D>, b: Tensor<D>): Tensor<D> =>
  tensorOf("linear", x).linear(w, b);
export const softmax = <D extends Float>(x: Tensor<D>, axis: number): Tensor<D> => tensorOf("softmax", x).softmax(axis);
export const logSoftmax = <D extends Float>(x: Tensor<D>, axis: number): Tensor<D> =>
  tensorOf("logSoftmax", x).logSoftmax(axis);
/** (x − mean) / √(variance + epsilon) · scale + shift over the dimensions of scale and shift, the last of x. */
export const layerNorm = <D extends Float>(
  x: Tensor<D>,
  scale: Tensor<D>,
  shift: Tensor<D>,
  epsilon?: number,
): Tensor<D> => tensorOf("layerNorm", x).layerNorm(scale, shift, epsilon);
/** x / √(mean square + epsilon) · scale over the dimensions of scale, the last of x. */
export const rmsNorm = <D extends Float>(x: Tensor<D>, scale: Tensor<D>, epsilon?: number): Tensor<D> =>
  tensorOf("rmsNorm", x).rmsNorm(scale, epsilon);
export const indexSelect = <D extends Dtype>(x: Tensor<D>, axis: number, positions: Tensor): Tensor<D> =>
  tensorOf("indexSelect", x).indexSelect(axis, positions);
export const gather = <D extends Dtype>(x: Tensor<D>, axis: number, positions: Tensor): Tensor<D> =>
  tensorOf("gather", x).gather(axis, positions);
export const indexCopy = <D extends Dtype>(
  x: Tensor<D>,
  axis: number,
  positions: Tensor,
  source: Tensor<D>,
): Tensor<D> => tensorOf("indexCopy", x).indexCopy(axis, positions, source);
export const indexAdd = <D extends Numeric>(
  x: Tensor<D>,
  axis: number,
  positions: Tensor,
  source: Tensor<D>,
): Tensor<D> => tensorOf("indexAdd", x).indexAdd(axis, positions, source);
export const indexReduce = <D extends Numeric>(
  x: Tensor<D>,
  axis: number,
  positions: Tensor,
  source: Tensor<D>,
  reduce: "amax" | "amin",
): Tensor<D> => tensorOf("indexReduce", x).indexReduce(axis, positions, source, reduce);
export const scatter = <D extends Dtype>(x: Tensor<D>, axis: number, positions: Tensor, source: Tensor<D>): Tensor<D> =>
  tensorOf("scatter", x).scatter(axis, positions, source);
export const scatterAdd = <D extends Numeric>(
  x: Tensor<D>,
  axis: number,
  positions: Tensor,
  source: Tensor<D>,
): Tensor<D> => tensorOf("scatterAdd", x).scatterAdd(axis, positions, source);
export const scatterReduce = <D extends Numeric>(
  x: Tensor<D>,
  axis: number,
  positions: Tensor,
  source: Tensor<D>,
  reduce: "sum" | "amax" | "amin",
): Tensor<D> => tensorOf("scatterReduce", x).scatterReduce(axis, positions, source, reduce);
export const gatherND = <D extends Dtype>(
  x: Tensor<D>,
  positions: Tensor,
  options?: Parameters<Tensor<D>["gatherND"]>[1],
): Tensor<D> => tensorOf("gatherND", x).gatherND(positions, options);
export const scatterND = <D extends Dtype>(
  x: Tensor<D>,
  positions: Tensor,
  updates: Tensor<D>,
  mode?: Parameters<Tensor<D>["scatterND"]>[2],
): Tensor<D> => tensorOf("scatterND", x).scatterND(positions, updates, mode);
export const flip = <D extends Dtype>(x: Tensor<D>, axes?: readonly number[]): Tensor<D> =>
  tensorOf("flip", x).flip(axes);
export const roll = <D extends Dtype>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  axes: number | readonly number[],
): Tensor<D> => tensorOf("roll", x).roll(shifts, axes);
export const tile = <D extends Dtype>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> =>
  tensorOf("tile", x).tile(repeats);
export const split = <D extends Dtype>(x: Tensor<D>, size: number | readonly number[], axis?: number): Tensor<D>[] =>
  tensorOf("split", x).split(size, axis);
export const pad = <D extends Dtype>(
  x: Tensor<D>,
  before: readonly number[],
  after: readonly number[],
  options?: number | PadOptions,
): Tensor<D> => tensorOf("pad", x).pad(before, after, options);
/** Matrices with zeros above their k-th diagonal. */
export const tril = <D extends Dtype>(x: Tensor<D>, k?: number | Tensor): Tensor<D> => tensorOf("tril", x).tril(k);
/** Matrices with zeros below their k-th diagonal. */
export const triu = <D extends Dtype>(x: Tensor<D>, k?: number | Tensor): Tensor<D> => tensorOf("triu", x).triu(k);
export const oneHot = <D extends Integer, R extends Dtype = "i64">(
  x: Tensor<D>,
  count: number,
  options?: { readonly dtype?: R },
): Tensor<R> => tensorOf("oneHot", x).oneHot(count, options);
export const sort = <D extends Dtype>(
  x: Tensor<D>,
  axis?: number,
  options?: Parameters<Tensor<D>["sort"]>[1],
): WithIndices<D> => tensorOf("sort", x).sort(axis, options);
export const argsort = <D extends Dtype>(
  x: Tensor<D>,
  axis?: number,
  options?: Parameters<Tensor<D>["argsort"]>[1],
): Tensor<"i64"> => tensorOf("argsort", x).argsort(axis, options);
export const topK = <D extends Dtype>(
  x: Tensor<D>,
  count: number,
  axis?: number,
  options?: Parameters<Tensor<D>["topK"]>[2],
): WithIndices<D> => tensorOf("topK", x).topK(count, axis, options);
export const cumsum = <D extends Numeric>(x: Tensor<D>, axis: number, options?: RunningOptions): Tensor<D> =>
  tensorOf("cumsum", x).cumsum(axis, options);
export const cumprod = <D extends Numeric>(x: Tensor<D>, axis: number, options?: RunningOptions): Tensor<D> =>
  tensorOf("cumprod", x).cumprod(axis, options);
export const cummax = <D extends Numeric>(x: Tensor<D>, axis: number): WithIndices<D> =>
  tensorOf("cummax", x).cummax(axis);
export const cummin = <D extends Numeric>(x: Tensor<D>, axis: number): WithIndices<D> =>
  tensorOf("cummin", x).cummin(axis);
/** Σ (x − mean)² / (n − correction) over dimensions, all unless named. */
export const variance = <D extends Float>(
  x: Tensor<D>,
  axes?: readonly number[],
  options?: VarianceOptions,
): Tensor<D> => tensorOf("variance", x).variance(axes, options);
/** The root of the variance. */
export const std = <D extends Float>(x: Tensor<D>, axes?: readonly number[], options?: VarianceOptions): Tensor<D> =>
  tensorOf("std", x).std(axes, options);
/** ln Σ e^x over dimensions, all unless named. */
export const logSumExp = <D extends Float>(
  x: Tensor<D>,
  axes?: readonly number[],
  options?: { readonly keepDims?: boolean },
): Tensor<D> => tensorOf("logSumExp", x).logSumExp(axes, options);
/** The determinant of each matrix of […,n,n]. */
export const det = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("det", x).det();
export function maxPool<D extends Numeric>(
  x: Tensor<D>,
  size: Extents,
  options: MaxPoolOptions & { readonly returnIndices: true },
): WithIndices<D>;
export function maxPool<D extends Numeric>(
  x: Tensor<D>,
  size: Extents,
  options?: Extents | (MaxPoolOptions & { readonly returnIndices?: false }),
): Tensor<D>;
export function maxPool<D extends Numeric>(
  x: Tensor<D>,
  size: Extents,
  options?: Extents | MaxPoolOptions,
): Tensor<D> | WithIndices<D> {
  return tensorOf("maxPool", x).maxPool(size, options as { readonly returnIndices: true });
}
export const avgPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["avgPool"]>[0],
  options?: Parameters<Tensor<D>["avgPool"]>[1],
): Tensor<D> => tensorOf("avgPool", x).avgPool(size, options);
/** (Σ|x|^norm)^(1/norm) over each window. */
export const lpPool = <D extends Float>(
  x: Tensor<D>,
  norm: number,
  size: Extents,
  options?: Extents | PoolOptions,
): Tensor<D> => tensorOf("lpPool", x).lpPool(norm, size, options);
/** Zeros, and the elements of x at the places that maxPool gave. */
export const maxUnpool = <D extends Dtype>(
  x: Tensor<D>,
  indices: Tensor,
  size: Extents,
  options?: MaxUnpoolOptions,
): Tensor<D> => tensorOf("maxUnpool", x).maxUnpool(indices, size, options);
export const globalLpPool = <D extends Float>(x: Tensor<D>, norm?: number): Tensor<D> =>
  tensorOf("globalLpPool", x).globalLpPool(norm);
export const adaptiveMaxPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["adaptiveMaxPool"]>[0],
): Tensor<D> => tensorOf("adaptiveMaxPool", x).adaptiveMaxPool(size);
export const adaptiveAvgPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["adaptiveAvgPool"]>[0],
): Tensor<D> => tensorOf("adaptiveAvgPool", x).adaptiveAvgPool(size);
/** (x − mean) / √(variance + epsilon) · scale + shift by channel of [n,c,…]. */
export const batchNorm = <D extends Float>(
  x: Tensor<D>,
  mean: Tensor<D>,
  variance: Tensor<D>,
  options?: NormOptions<D>,
): Tensor<D> => tensorOf("batchNorm", x).batchNorm(mean, variance, options);
/** The same, with the mean and the variance of each group of channels of each image. */
export const groupNorm = <D extends Float>(x: Tensor<D>, groups: number, options?: NormOptions<D>): Tensor<D> =>
  tensorOf("groupNorm", x).groupNorm(groups, options);
/** The same, each channel by itself. */
export const instanceNorm = <D extends Float>(x: Tensor<D>, options?: NormOptions<D>): Tensor<D> =>
  tensorOf("instanceNorm", x).instanceNorm(options);
export const globalMaxPool = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("globalMaxPool", x).globalMaxPool();
export const globalAvgPool = <D extends Float>(x: Tensor<D>): Tensor<D> => tensorOf("globalAvgPool", x).globalAvgPool();
