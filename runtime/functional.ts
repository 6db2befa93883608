// The tensor API as free functions, for those who write add(a, b) rather than a.add(b).
import type { Dtype } from "../kernels/index.ts";
import type { PadOptions } from "./methods/arrangement.ts";
import type { NormOptions } from "./methods/channels.ts";
import type { GeluOptions, SoftplusOptions } from "./methods/elementwise.ts";
import type { RunningExtremes, RunningOptions, VarianceOptions } from "./methods/reduction.ts";
import type { Operand, Tensor } from "./tensor.ts";

type Float = "f32" | "f64";
type Bits = Exclude<Dtype, Float>;
type Integer = Exclude<Bits, "bool">;
type Numeric = Exclude<Dtype, "bool">;

export const add = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.add(b);
export const sub = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.sub(b);
export const mul = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.mul(b);
export const div = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.div(b);
export const maximum = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.maximum(b);
export const minimum = <D extends Dtype>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.minimum(b);
export const clamp = <D extends Dtype>(x: Tensor<D>, low: Operand<D>, high: Operand<D>): Tensor<D> =>
  x.clamp(low, high);
export const relu = <D extends Dtype>(x: Tensor<D>): Tensor<D> => x.relu();
export const neg = <D extends Dtype>(x: Tensor<D>): Tensor<D> => x.neg();
export const abs = <D extends Dtype>(x: Tensor<D>): Tensor<D> => x.abs();
export const sqrt = <D extends Float>(x: Tensor<D>): Tensor<D> => x.sqrt();
export const floor = <D extends Float>(x: Tensor<D>): Tensor<D> => x.floor();
export const ceil = <D extends Float>(x: Tensor<D>): Tensor<D> => x.ceil();
export const round = <D extends Float>(x: Tensor<D>): Tensor<D> => x.round();
export const exp = <D extends Float>(x: Tensor<D>): Tensor<D> => x.exp();
export const log = <D extends Float>(x: Tensor<D>): Tensor<D> => x.log();
export const tanh = <D extends Float>(x: Tensor<D>): Tensor<D> => x.tanh();
export const sigmoid = <D extends Float>(x: Tensor<D>): Tensor<D> => x.sigmoid();
export const sin = <D extends Float>(x: Tensor<D>): Tensor<D> => x.sin();
export const cos = <D extends Float>(x: Tensor<D>): Tensor<D> => x.cos();
export const atan = <D extends Float>(x: Tensor<D>): Tensor<D> => x.atan();
/** The angle of (x, y). */
export const atan2 = <D extends Float>(y: Tensor<D>, x: Operand<D>): Tensor<D> => y.atan2(x);
export const pow = <D extends Float>(x: Tensor<D>, y: Operand<D>): Tensor<D> => x.pow(y);
export const erf = <D extends Float>(x: Tensor<D>): Tensor<D> => x.erf();
export const silu = <D extends Float>(x: Tensor<D>): Tensor<D> => x.silu();
export const tan = <D extends Float>(x: Tensor<D>): Tensor<D> => x.tan();
export const asin = <D extends Float>(x: Tensor<D>): Tensor<D> => x.asin();
export const acos = <D extends Float>(x: Tensor<D>): Tensor<D> => x.acos();
export const sinh = <D extends Float>(x: Tensor<D>): Tensor<D> => x.sinh();
export const cosh = <D extends Float>(x: Tensor<D>): Tensor<D> => x.cosh();
export const log1p = <D extends Float>(x: Tensor<D>): Tensor<D> => x.log1p();
export const expm1 = <D extends Float>(x: Tensor<D>): Tensor<D> => x.expm1();
export const log2 = <D extends Float>(x: Tensor<D>): Tensor<D> => x.log2();
export const rsqrt = <D extends Float>(x: Tensor<D>): Tensor<D> => x.rsqrt();
export const trunc = <D extends Float>(x: Tensor<D>): Tensor<D> => x.trunc();
/** x times the normal distribution below it. */
export const gelu = <D extends Float>(x: Tensor<D>, options?: GeluOptions): Tensor<D> => x.gelu(options);
/** ln (1 + e^(beta·x)) / beta. */
export const softplus = <D extends Float>(x: Tensor<D>, options?: SoftplusOptions): Tensor<D> => x.softplus(options);
/** 1, 0 or −1; 0 of NaN. */
export const sign = <D extends Numeric>(x: Tensor<D>): Tensor<D> => x.sign();
/** a − b·⌊a / b⌋, with the sign of b. */
export const remainder = <D extends Numeric>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.remainder(b);
/** ⌊a / b⌋. */
export const floorDivide = <D extends Numeric>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.floorDivide(b);
const isNotANumber = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => x.isNaN();
export const isInf = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => x.isInf();
const isFiniteNumber = <D extends Numeric>(x: Tensor<D>): Tensor<"bool"> => x.isFinite();

export { isFiniteNumber as isFinite, isNotANumber as isNaN };
export const bitwiseAnd = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.bitwiseAnd(b);
export const bitwiseOr = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.bitwiseOr(b);
export const bitwiseXor = <D extends Bits>(a: Tensor<D>, b: Operand<D>): Tensor<D> => a.bitwiseXor(b);
export const bitwiseNot = <D extends Bits>(x: Tensor<D>): Tensor<D> => x.bitwiseNot();
export const bitwiseLeftShift = <D extends Integer>(x: Tensor<D>, count: Operand<D>): Tensor<D> =>
  x.bitwiseLeftShift(count);
export const bitwiseRightShift = <D extends Integer>(x: Tensor<D>, count: Operand<D>): Tensor<D> =>
  x.bitwiseRightShift(count);
export const matmul = <D extends Float>(a: Tensor<D>, b: Tensor<D>): Tensor<D> => a.matmul(b);
/** x · wᵀ + b, with w: [o,i] and b: [o]. */
export const linear = <D extends Float>(x: Tensor<D>, w: Tensor<D>, b: Tensor<D>): Tensor<D> => x.linear(w, b);
export const softmax = <D extends Float>(x: Tensor<D>, axis: number): Tensor<D> => x.softmax(axis);
export const logSoftmax = <D extends Float>(x: Tensor<D>, axis: number): Tensor<D> => x.logSoftmax(axis);
/** (x − mean) / √(variance + epsilon) · scale + shift over the dimensions of scale and shift, the last of x. */
export const layerNorm = <D extends Float>(
  x: Tensor<D>,
  scale: Tensor<D>,
  shift: Tensor<D>,
  epsilon?: number,
): Tensor<D> => x.layerNorm(scale, shift, epsilon);
/** x / √(mean square + epsilon) · scale over the dimensions of scale, the last of x. */
export const rmsNorm = <D extends Float>(x: Tensor<D>, scale: Tensor<D>, epsilon?: number): Tensor<D> =>
  x.rmsNorm(scale, epsilon);
export const gather = <D extends Dtype>(x: Tensor<D>, positions: Tensor, axis?: number): Tensor<D> =>
  x.gather(positions, axis);
export const takeAlong = <D extends Dtype>(x: Tensor<D>, positions: Tensor, axis: number): Tensor<D> =>
  x.takeAlong(positions, axis);
export const scatter = <D extends Dtype>(
  x: Tensor<D>,
  positions: Tensor,
  updates: Tensor<D>,
  axis?: number,
  mode?: Parameters<Tensor<D>["scatter"]>[3],
): Tensor<D> => x.scatter(positions, updates, axis, mode);
export const scatterAdd = <D extends Dtype>(
  x: Tensor<D>,
  positions: Tensor,
  updates: Tensor<D>,
  axis?: number,
): Tensor<D> => x.scatterAdd(positions, updates, axis);
export const gatherND = <D extends Dtype>(x: Tensor<D>, positions: Tensor): Tensor<D> => x.gatherND(positions);
export const scatterND = <D extends Dtype>(
  x: Tensor<D>,
  positions: Tensor,
  updates: Tensor<D>,
  mode?: Parameters<Tensor<D>["scatterND"]>[2],
): Tensor<D> => x.scatterND(positions, updates, mode);
export const flip = <D extends Dtype>(x: Tensor<D>, axes?: readonly number[]): Tensor<D> => x.flip(axes);
export const roll = <D extends Dtype>(
  x: Tensor<D>,
  shifts: number | readonly number[],
  axes: number | readonly number[],
): Tensor<D> => x.roll(shifts, axes);
export const tile = <D extends Dtype>(x: Tensor<D>, repeats: readonly number[]): Tensor<D> => x.tile(repeats);
export const split = <D extends Dtype>(x: Tensor<D>, size: number | readonly number[], axis?: number): Tensor<D>[] =>
  x.split(size, axis);
export const pad = <D extends Dtype>(
  x: Tensor<D>,
  before: readonly number[],
  after: readonly number[],
  options?: number | PadOptions,
): Tensor<D> => x.pad(before, after, options);
export const oneHot = <D extends Integer, R extends Dtype = "i64">(
  x: Tensor<D>,
  count: number,
  options?: { readonly dtype?: R },
): Tensor<R> => x.oneHot(count, options);
export const sort = <D extends Dtype>(
  x: Tensor<D>,
  axis?: number,
  options?: Parameters<Tensor<D>["sort"]>[1],
): Tensor<D> => x.sort(axis, options);
export const argsort = <D extends Dtype>(
  x: Tensor<D>,
  axis?: number,
  options?: Parameters<Tensor<D>["argsort"]>[1],
): Tensor<"i64"> => x.argsort(axis, options);
export const topK = <D extends Dtype>(
  x: Tensor<D>,
  count: number,
  axis?: number,
  options?: Parameters<Tensor<D>["topK"]>[2],
): ReturnType<Tensor<D>["topK"]> => x.topK(count, axis, options);
export const cumsum = <D extends Numeric>(x: Tensor<D>, axis: number, options?: RunningOptions): Tensor<D> =>
  x.cumsum(axis, options);
export const cumprod = <D extends Numeric>(x: Tensor<D>, axis: number, options?: RunningOptions): Tensor<D> =>
  x.cumprod(axis, options);
export const cummax = <D extends Numeric>(x: Tensor<D>, axis: number): RunningExtremes<D> => x.cummax(axis);
export const cummin = <D extends Numeric>(x: Tensor<D>, axis: number): RunningExtremes<D> => x.cummin(axis);
/** Σ (x − mean)² / (n − correction) over dimensions, all unless named. */
export const variance = <D extends Float>(
  x: Tensor<D>,
  axes?: readonly number[],
  options?: VarianceOptions,
): Tensor<D> => x.variance(axes, options);
/** The root of the variance. */
export const std = <D extends Float>(x: Tensor<D>, axes?: readonly number[], options?: VarianceOptions): Tensor<D> =>
  x.std(axes, options);
/** ln Σ e^x over dimensions, all unless named. */
export const logSumExp = <D extends Float>(
  x: Tensor<D>,
  axes?: readonly number[],
  options?: { readonly keepDims?: boolean },
): Tensor<D> => x.logSumExp(axes, options);
export const maxPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["maxPool"]>[0],
  options?: Parameters<Tensor<D>["maxPool"]>[1],
): Tensor<D> => x.maxPool(size, options);
export const avgPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["avgPool"]>[0],
  options?: Parameters<Tensor<D>["avgPool"]>[1],
): Tensor<D> => x.avgPool(size, options);
export const adaptiveMaxPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["adaptiveMaxPool"]>[0],
): Tensor<D> => x.adaptiveMaxPool(size);
export const adaptiveAvgPool = <D extends Numeric>(
  x: Tensor<D>,
  size: Parameters<Tensor<D>["adaptiveAvgPool"]>[0],
): Tensor<D> => x.adaptiveAvgPool(size);
/** (x − mean) / √(variance + epsilon) · scale + shift by channel of [n,c,…]. */
export const batchNorm = <D extends Float>(
  x: Tensor<D>,
  mean: Tensor<D>,
  variance: Tensor<D>,
  options?: NormOptions<D>,
): Tensor<D> => x.batchNorm(mean, variance, options);
/** The same, with the mean and the variance of each group of channels of each image. */
export const groupNorm = <D extends Float>(x: Tensor<D>, groups: number, options?: NormOptions<D>): Tensor<D> =>
  x.groupNorm(groups, options);
/** The same, each channel by itself. */
export const instanceNorm = <D extends Float>(x: Tensor<D>, options?: NormOptions<D>): Tensor<D> =>
  x.instanceNorm(options);
export const globalMaxPool = <D extends Float>(x: Tensor<D>): Tensor<D> => x.globalMaxPool();
export const globalAvgPool = <D extends Float>(x: Tensor<D>): Tensor<D> => x.globalAvgPool();
