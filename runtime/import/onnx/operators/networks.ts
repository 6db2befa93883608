// ONNX's products, convolutions and pooling.
import { isFloatDtype } from "../../../../kernels/index.ts";
import { conv1d, conv2d, conv3d, convTranspose2d } from "../../../capture/convolutions.ts";
import { constant, full, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import type { Call, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import type { Imported } from "../imported.ts";
import { allAxes } from "./axes.ts";
import { type Window, windowOf } from "./windows.ts";

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
export function product(a: Tensor, b: Tensor): Tensor {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const whole = (row ? a.unsqueeze(0) : a).matmul(column ? b.unsqueeze(1) : b);
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
  const whole = sizes.map(
    (size, d) => stride[d]! * (size - 1) + (weight[d]! - 1) * dilation[d]! + 1 + outputPadding[d]!,
  );
  const wanted = call.attribute("output_shape")
    ? call.ints("output_shape").slice(-rank)
    : mode.startsWith("SAME")
      ? sizes.map((size, d) => size * stride[d]!)
      : undefined;
  if (!wanted) return { stride, dilation, outputPadding, before: pads.slice(0, rank), after: pads.slice(rank) };
  const total = whole.map((size, d) => size - wanted[d]!);
  const half = total.map((each) => Math.floor(each / 2));
  const rest = total.map((each, d) => each - half[d]!);
  const isUpper = mode === "SAME_UPPER";
  return { stride, dilation, outputPadding, before: isUpper ? half : rest, after: isUpper ? rest : half };
}

function transposedConvolution(call: Call): Tensor {
  const [x, w] = [call.tensor(0), call.tensor(1)];
  const rank = x.shape.length - 2;
  const { stride, dilation, outputPadding, before, after } = transposedPadding(
    call,
    x.shape.slice(2),
    w.shape.slice(2),
  );
  if (rank > 2) throw unsupported(`a transposed convolution over ${rank} dimensions`);
  // A line is a plane of one row.
  const plane = (values: readonly number[], first: number): [number, number] =>
    rank === 1 ? [first, values[0]!] : [values[0]!, values[1]!];
  const grown = (each: Tensor): Tensor => (rank === 1 ? each.unsqueeze(2) : each);
  // What is cut off is the padding; less than nothing is added, as zeros.
  const cut = (values: readonly number[]) =>
    plane(
      values.map((each) => Math.max(0, each)),
      0,
    );
  const bias = call.optional(2);
  const y = convTranspose2d(grown(x), grown(w), {
    stride: plane(stride, 1),
    dilation: plane(dilation, 1),
    outputPadding: [0, 0],
    padding: cut(before),
    paddingAfter: cut(after.map((each, d) => each - outputPadding[d]!)),
    groups: call.int("group", 1),
  });
  const added = (values: readonly number[]) => [
    0,
    0,
    ...plane(
      values.map((each) => Math.max(0, -each)),
      0,
    ),
  ];
  const more = [added(before), added(after.map((each, d) => each - outputPadding[d]!))] as const;
  const whole = more.flat().some((each) => each > 0) ? y.pad(more[0], more[1]) : y;
  const biased = bias ? whole.add(bias.reshape([-1, 1, 1])) : whole;
  return rank === 1 ? biased.squeeze(2) : biased;
}

/** How far the last window reaches beyond the padding, where windows may. */
function ceiling({ size, stride, dilation, before, after }: Window, sizes: readonly number[]): number[] {
  return sizes.map((each, d) => {
    const reach = (size[d]! - 1) * dilation[d]! + 1;
    const padded = each + before[d]! + after[d]!;
    let count = Math.ceil((padded - reach) / stride[d]!) + 1;
    // A window that would begin behind the elements and the padding before them is none.
    if ((count - 1) * stride[d]! >= each + before[d]!) count--;
    return Math.max(0, (count - 1) * stride[d]! + reach - padded);
  });
}

/** Windows with the padding that they take at their end. */
function poolWindow(call: Call, x: Tensor): { readonly window: Window; readonly beyond: readonly number[] } {
  const window = windowOf(call, x.shape.slice(2));
  const beyond = call.flag("ceil_mode") ? ceiling(window, x.shape.slice(2)) : window.size.map(() => 0);
  return { window, beyond };
}

function maxPool(call: Call): Tensor[] {
  const x = call.tensor(0);
  const { window, beyond } = poolWindow(call, x);
  const { size, stride, dilation, before, after } = window;
  const options = { stride, dilation, padding: before, paddingAfter: after.map((each, d) => each + beyond[d]!) };
  if (!call.wants(1)) return [x.maxPool(size, options)];
  const { values, indices } = x.maxPool(size, { ...options, returnIndices: true });
  const plane = countOf(x.shape.slice(2));
  const inPlane = call.flag("storage_order") ? columnFirst(indices, x.shape.slice(2)) : indices;
  // Positions count through the whole tensor, not through each plane.
  const [n, c] = x.shape as [number, number];
  const starts = Array.from({ length: n * c }, (_, at) => at * plane);
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

/** Sums over windows, by convolution with ones: each channel for itself. */
function windowSums(x: Tensor, window: Window): Tensor {
  const [n, c, ...sizes] = x.shape as [number, number, ...number[]];
  const ones = full(x.dtype, [1, 1, ...window.size], 1);
  const { stride, dilation, before, after } = window;
  const options = { stride, dilation, padding: before, paddingAfter: after };
  const flat = x.reshape([n * c, 1, ...sizes]);
  const convolve = [conv1d, conv2d, conv3d][sizes.length - 1] as typeof conv2d | undefined;
  if (!convolve) throw unsupported(`pooling over ${sizes.length} dimensions`);
  const sums = convolve(flat, ones, options as Parameters<typeof conv2d>[2]);
  return sums.reshape([n, c, ...sums.shape.slice(2)]);
}

/** How many elements each window holds, or how many with the padding. */
function windowCounts(
  sizes: readonly number[],
  window: Window,
  beyond: readonly number[],
  countPadding: boolean,
  dtype: Tensor["dtype"],
): Tensor {
  const { size, stride, dilation, before, after } = window;
  const counts = sizes.map((each, d) => {
    const padded = each + before[d]! + after[d]! + beyond[d]!;
    const reach = (size[d]! - 1) * dilation[d]! + 1;
    const windows = Math.floor((padded - reach) / stride[d]!) + 1;
    const [low, high] = countPadding ? [0, each + before[d]! + after[d]!] : [before[d]!, before[d]! + each];
    return Array.from({ length: windows }, (_, at) => {
      const taps = Array.from({ length: size[d]! }, (_, tap) => at * stride[d]! + tap * dilation[d]!);
      return taps.filter((tap) => tap >= low && tap < high).length;
    });
  });
  const shape = counts.map((each) => each.length);
  const all = counts.reduce<number[]>((products, each) => products.flatMap((a) => each.map((b) => a * b)), [1]);
  return constant(all, dtype, [1, 1, ...shape]);
}

function averagePool(call: Call): Tensor {
  const x = call.tensor(0);
  const { window, beyond } = poolWindow(call, x);
  const countPadding = call.flag("count_include_pad");
  const { size, stride, dilation, before, after } = window;
  const isPlain = dilation.every((each) => each === 1) && beyond.every((each) => each === 0);
  if (isPlain) {
    const options = { stride, padding: before, paddingAfter: after, countPadding };
    return x.avgPool(size, options);
  }
  const wide = { ...window, after: after.map((each, d) => each + beyond[d]!) };
  return windowSums(x, wide).div(windowCounts(x.shape.slice(2), window, beyond, countPadding, x.dtype));
}

/** The p-norm of each window. */
function lpPool(call: Call): Tensor {
  const x = call.tensor(0);
  const p = call.version < 2 ? call.float("p", 2) : call.int("p", 2);
  const { window, beyond } = poolWindow(call, x);
  const wide = { ...window, after: window.after.map((each, d) => each + beyond[d]!) };
  return rooted(windowSums(powered(x, p), wide), p);
}

const powered = (x: Tensor, p: number): Tensor => (p === 1 ? x.abs() : p === 2 ? x.mul(x) : x.abs().pow(p));
const rooted = (x: Tensor, p: number): Tensor => (p === 1 ? x : p === 2 ? x.sqrt() : x.pow(1 / p));

/** The dimensions behind the channels. */
const extents = (x: Tensor): number[] => allAxes(x.shape.length).slice(2);

function globalLpPool(call: Call): Tensor {
  const x = call.tensor(0);
  const p = call.version < 2 ? call.float("p", 2) : call.int("p", 2);
  return rooted(powered(x, p).sum(extents(x), { keepDims: true }), p);
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

/** x, and a mask of what was kept: all of it, but where a training mode is asked for. */
function dropout(call: Call): (Imported | undefined)[] {
  const x = call.tensor(0);
  if (call.version >= 12 && call.has(2) && call.number(2) !== 0) {
    const ratio = call.has(1) ? call.number(1) : 0.5;
    if (ratio !== 0) throw unsupported("dropout in training: nothing drawn at random is inferred with");
  }
  const mask = call.wants(1) ? full(call.version < 10 ? x.dtype : "bool", x.shape, 1) : undefined;
  return [x, mask];
}

export const networks: Definitions = {
  AveragePool: averagePool,
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  Dropout: dropout,
  Gemm: gemm,
  GlobalAveragePool: (call) => call.tensor(0).mean(extents(call.tensor(0)), { keepDims: true }),
  GlobalLpPool: globalLpPool,
  GlobalMaxPool: (call) => call.tensor(0).max(extents(call.tensor(0)), { keepDims: true }),
  LpPool: lpPool,
  MatMul: (call) => product(call.tensor(0), call.tensor(1)),
  MaxPool: maxPool,
  MaxUnpool: maxUnpool,
};
