// ONNX's operators along dimensions: reductions, running sums, order, and the places of extremes.
import { isFloatDtype } from "../../../../kernels/index.ts";
import { constant, full, iota, type Tensor, where } from "../../../capture/tensor.ts";
import { limitsOf } from "../../../graph/numbers.ts";
import type { Call, Definition, Definitions } from "../call.ts";
import { elementsOf } from "../known-values.ts";
import { allAxes, asMatrix, axesOf, axisOf } from "./axes.ts";

interface Along {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

type Reduction = (x: Tensor, axes: readonly number[], options: { readonly keepDims: boolean }) => Tensor;

/** The dimensions that a reduction goes along; undefined where it leaves all as they are. */
function alongOf(call: Call, rank: number): Along | undefined {
  const axes = call.numbersOf("axes", 1) ?? [];
  const keepDims = call.flag("keepdims", true);
  if (axes.length === 0 && call.flag("noop_with_empty_axes")) return undefined;
  return { axes: axes.length === 0 ? allAxes(rank) : axesOf(axes, rank), keepDims };
}

/** A reduction of what each element becomes first; without dimensions to go along, that alone. */
const reduction =
  (reduce: Reduction, first: (x: Tensor) => Tensor = (x) => x, last: (x: Tensor) => Tensor = (x) => x): Definition =>
  (call) => {
    const x = call.tensor(0);
    const along = alongOf(call, x.shape.length);
    if (!along) return last(first(x));
    return last(reduce(first(x), along.axes, { keepDims: along.keepDims }));
  };

const sum: Reduction = (x, axes, options) => x.sum(axes, options);

/** The least or the greatest of nothing: the other end of what the dtype holds. */
function extremeOfNothing(x: Tensor, which: "max" | "min", axes: readonly number[], keepDims: boolean): Tensor {
  const shape = x.shape.flatMap((size, d) => (axes.includes(d) ? (keepDims ? [1] : []) : [size]));
  if (isFloatDtype(x.dtype)) return full(x.dtype, shape, which === "max" ? -Infinity : Infinity);
  const [low, high] = limitsOf(x.dtype);
  return full(x.dtype, shape, Number(which === "max" ? low : high));
}

const extreme =
  (which: "max" | "min"): Reduction =>
  (x, axes, options) => {
    if (axes.some((d) => x.shape[d] === 0)) return extremeOfNothing(x, which, axes, options.keepDims);
    if (x.dtype === "bool") return which === "max" ? x.any(axes, options) : x.all(axes, options);
    return which === "max" ? x.max(axes, options) : x.min(axes, options);
  };

/** The mean; of integers it is cut as their division is. */
const mean: Reduction = (x, axes, options) => {
  if (isFloatDtype(x.dtype)) return x.mean(axes, options);
  const count = axes.reduce((product, d) => product * x.shape[d]!, 1);
  return x.sum(axes, options).div(count);
};

const logSumExp: Reduction = (x, axes, options) => {
  if (axes.some((d) => x.shape[d] === 0)) return extremeOfNothing(x, "max", axes, options.keepDims);
  return x.logSumExp(axes, options);
};

/** The root of a sum, also of integers. */
const root = (x: Tensor): Tensor => (isFloatDtype(x.dtype) ? x.sqrt() : x.cast("f64").sqrt().cast(x.dtype));
const logarithm = (x: Tensor): Tensor => (isFloatDtype(x.dtype) ? x.log() : x.cast("f64").log().cast(x.dtype));
const asFloat = (x: Tensor): Tensor => (isFloatDtype(x.dtype) ? x : x.cast("f64"));

const logSumExpOfAny: Definition = (call) => {
  const x = call.tensor(0);
  const along = alongOf(call, x.shape.length);
  if (!along) return x;
  return logSumExp(asFloat(x), along.axes, { keepDims: along.keepDims }).cast(x.dtype);
};

/** The place of the largest or smallest, the first or the last where several are. */
const place =
  (which: "argmax" | "argmin"): Definition =>
  (call) => {
    const x = call.tensor(0);
    const axis = axisOf(call.int("axis", 0), x.shape.length);
    const last = call.flag("select_last_index");
    const from = last ? x.flip([axis]) : x;
    const found = from[which](axis);
    const at = last ? constant(x.shape[axis]! - 1, "i64").sub(found) : found;
    return call.flag("keepdims", true) ? at.unsqueeze(axis) : at;
  };

/** 1 at the first largest along the axis; before operator set 13 along all dimensions from it on. */
function hardmax(call: Call): Tensor {
  const x = call.tensor(0);
  return alongLast(call, x, (y, axis) => {
    const at = iota("i64", y.shape, axis);
    return at.equal(y.argmax(axis).unsqueeze(axis)).cast(y.dtype);
  });
}

/** What goes along one dimension, which before operator set 13 stood for all from it on. */
function alongLast(call: Call, x: Tensor, body: (y: Tensor, axis: number) => Tensor): Tensor {
  if (call.version >= 13) return body(x, axisOf(call.int("axis", -1), x.shape.length));
  return body(asMatrix(x, call.int("axis", 1)), 1).reshape(x.shape);
}

const running =
  (name: "cumsum" | "cumprod"): Definition =>
  (call) => {
    const x = call.tensor(0);
    const options = { exclusive: call.flag("exclusive"), reverse: call.flag("reverse") };
    const rank = x.shape.length;
    const axis = elementsOf(call.tensor(1));
    if (axis) return x[name](axisOf(Number(axis.data[0]), rank), options);
    // Which dimension it is does not change the shape: all are computed, and the one that is asked for is chosen.
    const asked = call.tensor(1).cast("i64").reshape([]);
    const fromStart = where(asked.less(0), asked.add(rank), asked);
    return allAxes(rank).reduce((found, d) => where(fromStart.equal(d), x[name](d, options), found), x);
  };

function topK(call: Call): Tensor[] {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  const count = call.version < 10 ? call.int("k") : call.number(1);
  const { values, indices } = x.topK(count, axis, { largest: call.flag("largest", true) });
  return [values, indices];
}

function lpNormalization(call: Call): Tensor {
  const x = call.tensor(0);
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  const options = { keepDims: true };
  const norm = call.int("p", 2) === 1 ? x.abs().sum([axis], options) : x.mul(x).sum([axis], options).sqrt();
  // Where there is nothing to divide by, nothing is divided.
  return where(norm.equal(0), constant(0, x.dtype), x.div(norm));
}

export const reductions: Definitions = {
  ArgMax: place("argmax"),
  ArgMin: place("argmin"),
  CumProd: running("cumprod"),
  CumSum: running("cumsum"),
  Hardmax: hardmax,
  LogSoftmax: (call) => alongLast(call, call.tensor(0), (x, axis) => x.logSoftmax(axis)),
  LpNormalization: lpNormalization,
  ReduceL1: reduction(sum, (x) => x.abs()),
  ReduceL2: reduction(sum, (x) => x.mul(x), root),
  ReduceLogSum: reduction(sum, undefined, logarithm),
  ReduceLogSumExp: logSumExpOfAny,
  ReduceMax: reduction(extreme("max")),
  ReduceMean: reduction(mean),
  ReduceMin: reduction(extreme("min")),
  ReduceProd: reduction((x, axes, options) => x.prod(axes, options)),
  ReduceSum: reduction(sum),
  ReduceSumSquare: reduction(sum, (x) => x.mul(x)),
  Softmax: (call) => alongLast(call, call.tensor(0), (x, axis) => x.softmax(axis)),
  TopK: topK,
};
