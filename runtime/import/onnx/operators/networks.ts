// ONNX's products, convolutions and pooling.
import { isFloatDtype } from "../../../../kernels/index.ts";
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
} from "../../../capture/convolutions.ts";
import { einsum } from "../../../capture/einsum.ts";
import { constant, full, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import type { Call, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { elementCount } from "../limits.ts";
import { allAxes } from "./axes.ts";
import { windowOf } from "./windows.ts";

/** α · a · b + β · c, with either of the matrices turned. */
function gemm(call: Call): Tensor {
  const turned = (at: number, name: string): Tensor => (call.flag(name) ? call.tensor(at).permute() : call.tensor(at));
  const [a, b] = [turned(0, "transA"), turned(1, "transB")];
  const [alpha, beta] = [call.float("alpha", 1), call.float("beta", 1)];
  const product = scaled(a.matmul(b), alpha);
  const c = call.optional(2);
  return c && beta !== 0 ? product.add(scaled(c, beta)) : product;
}

const scaled = (x: Tensor, factor: number): Tensor => {
  if (factor === 1) return x;
  return isFloatDtype(x.dtype) ? x.mul(factor) : x.cast("f64").mul(factor).cast(x.dtype);
};

/** A product of matrices; a vector is a row on the left and a column on the right. */
export const product = (a: Tensor, b: Tensor): Tensor => productOf(a, b, (left, right) => left.matmul(right));

/** The same, by another product of matrices. */
export function productOf(a: Tensor, b: Tensor, of: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const whole = of(row ? a.unsqueeze(0) : a, column ? b.unsqueeze(1) : b);
  const shape = whole.shape.filter(
    (_, d, all) =>
      !(column && d === all.length - 1) && !(row && d === all.length - (column ? 1 : 2) - (column ? 1 : 0)),
  );
  return row || column ? whole.reshape(shape) : whole;
}

function convolution(call: Call): Tensor {
  const [x, w] = [call.tensor(0), call.tensor(1)];
  const window = windowOf(call, x.shape.slice(2), w.shape.slice(2));
  const bias = call.optional(2);
  const { stride, dilation, before, after } = window;
  const common = { groups: call.int("group", 1), ...(bias ? { bias } : {}) };
  const options = { ...common, stride, dilation, padding: before, paddingAfter: after };
  switch (stride.length) {
    case 1:
      return conv1d(x, w, options as Parameters<typeof conv1d>[2]);
    case 2:
      return conv2d(x, w, options as Parameters<typeof conv2d>[2]);
    case 3:
      return conv3d(x, w, options as Parameters<typeof conv3d>[2]);
    default:
      throw unsupported(`a convolution over ${stride.length} dimensions`);
  }
}

/** The padding of a transposed convolution, which an output shape or `auto_pad` may give. */
function transposedPadding(call: Call, sizes: readonly number[], weight: readonly number[]) {
  const rank = sizes.length;
  const every = (value: number): number[] => new Array<number>(rank).fill(value);
  const [stride, dilation] = [call.ints("strides", every(1)), call.ints("dilations", every(1))];
  const outputPadding = call.ints("output_padding", every(0));
  const pads = call.ints("pads", [...every(0), ...every(0)]);
  const mode = call.text("auto_pad", "NOTSET");
  const wanted = call.attribute("output_shape")
    ? call.ints("output_shape").slice(-rank)
    : mode.startsWith("SAME")
      ? sizes.map((size, d) => size * stride[d]!)
      : undefined;
  const common = { stride, dilation, outputPadding };
  if (!wanted) return { ...common, before: pads.slice(0, rank), after: pads.slice(rank) };
  const total = sizes.map((size, d) => {
    const whole = stride[d]! * (size - 1) + (weight[d]! - 1) * dilation[d]! + 1 + outputPadding[d]!;
    return whole - wanted[d]!;
  });
  const half = total.map((each) => Math.floor(each / 2));
  const rest = total.map((each, d) => each - half[d]!);
  const isUpper = mode === "SAME_UPPER";
  return { ...common, before: isUpper ? half : rest, after: isUpper ? rest : half };
}

const transposed = [convTranspose1d, convTranspose2d, convTranspose3d] as const;

function transposedConvolution(call: Call): Tensor {
  const [x, w, bias] = [call.tensor(0), call.tensor(1), call.optional(2)];
  const rank = x.shape.length - 2;
  const convolve = transposed[rank - 1] as typeof convTranspose2d | undefined;
  if (!convolve) throw unsupported(`a transposed convolution over ${rank} dimensions`);
  const { stride, dilation, outputPadding, before, after } = transposedPadding(
    call,
    x.shape.slice(2),
    w.shape.slice(2),
  );
  // What is cut off is the padding, less what is added behind; less than nothing is added, as zeros.
  const ends = [before, after.map((each, d) => each - outputPadding[d]!)] as const;
  const [padding, paddingAfter] = ends.map((values) => values.map((each) => Math.max(0, each))) as [number[], number[]];
  const more = ends.map((values) => [0, 0, ...values.map((each) => Math.max(0, -each))]) as [number[], number[]];
  const options: object = { stride, dilation, padding, paddingAfter, groups: call.int("group", 1) };
  const y = convolve(x, w, options);
  const whole = more.flat().some((each) => each > 0) ? y.pad(more[0], more[1]) : y;
  return bias ? whole.add(bias.reshape([-1, ...stride.map(() => 1)])) : whole;
}

function maxPool(call: Call): Tensor[] {
  const x = call.tensor(0);
  const { size, options } = poolOptions(call, x);
  if (!call.wants(1)) return [x.maxPool(size, options)];
  const { values, indices } = x.maxPool(size, { ...options, returnIndices: true });
  const plane = countOf(x.shape.slice(2));
  const inPlane = call.flag("storage_order") ? columnFirst(indices, x.shape.slice(2)) : indices;
  // Positions count through the whole tensor, not through each plane.
  const [n, c] = x.shape as [number, number];
  const starts = Array.from({ length: elementCount(n * c, "a list of planes") }, (_, at) => at * plane);
  return [values, inPlane.add(constant(starts, "i64", [n, c, ...size.map(() => 1)]))];
}

/** Positions that count through rows, as positions that count through columns first. */
function columnFirst(indices: Tensor<"i64">, sizes: readonly number[]): Tensor<"i64"> {
  let rest = indices;
  let place = constant(0, "i64").broadcastTo(indices.shape);
  const weights = sizes.map((_, d) => countOf(sizes.slice(0, d)));
  for (let d = sizes.length - 1; d >= 0; d--) {
    place = place.add(rest.remainder(sizes[d]!).mul(weights[d]!));
    rest = rest.floorDivide(sizes[d]!);
  }
  return place;
}

/** Of pooling that computes: everything about its windows. */
function poolOptions(call: Call, x: Tensor) {
  const { size, stride, dilation, before, after } = windowOf(call, x.shape.slice(2));
  return { size, options: { stride, dilation, padding: before, paddingAfter: after, ceil: call.flag("ceil_mode") } };
}

function averagePool(call: Call): Tensor {
  const x = call.tensor(0);
  const { size, options } = poolOptions(call, x);
  return x.avgPool(size, { ...options, countPadding: call.flag("count_include_pad") });
}

/** The p-norm of each window. */
function lpPool(call: Call): Tensor {
  const x = call.tensor(0);
  const { size, options } = poolOptions(call, x);
  return x.lpPool(call.version < 2 ? call.float("p", 2) : call.int("p", 2), size, options);
}

/** The dimensions behind the channels. */
const extents = (x: Tensor): number[] => allAxes(x.shape.length).slice(2);

function globalLpPool(call: Call): Tensor {
  return call.tensor(0).globalLpPool(call.version < 2 ? call.float("p", 2) : call.int("p", 2));
}

/** Elements put back to the places that pooling took them from, zeros elsewhere. */
function maxUnpool(call: Call): Tensor {
  const [x, indices] = [call.tensor(0), call.tensor(1)];
  const { size, stride, before, after } = windowOf(call, x.shape.slice(2));
  const own = x.shape.slice(2).map((each, d) => (each - 1) * stride[d]! - before[d]! - after[d]! + size[d]!);
  const natural = [...x.shape.slice(0, 2), ...own];
  const flat = full(x.dtype, [countOf(natural)], 0);
  const placed = flat.scatter(0, indices.reshape([-1]), x.reshape([-1])).reshape(natural);
  if (!call.has(2)) return placed;
  const wanted = call.numbers(2);
  // Positions count through the natural shape; what is larger has its zeros at the end.
  return placed.pad(
    wanted.map(() => 0),
    wanted.map((each, d) => each - natural[d]!),
  );
}

function einsumOf(call: Call): Tensor {
  return einsum(call.text("equation"), ...call.tensors());
}

export const networks: Definitions = {
  AveragePool: averagePool,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Det: (call) => call.tensor(0).det(),
  Einsum: einsumOf,
  Gemm: gemm,
  GlobalAveragePool: (call) => call.tensor(0).mean(extents(call.tensor(0)), { keepDims: true }),
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: (call) => call.tensor(0).max(extents(call.tensor(0)), { keepDims: true }),
  LpPool: lpPool,
  MatMul: (call) => product(call.tensor(0), call.tensor(1)),
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
};
