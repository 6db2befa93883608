// PyTorch's reductions, and what runs along a dimension: sums, products, extremes, orders, statistics.
import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { concat, constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, type TorchCall, torchMisfit } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator, type TorchResult } from "./definition.ts";

/** The axes of a reduction: those that are given, or all. */
function axesOf(call: TorchCall, x: Tensor): readonly number[] {
  const all = x.shape.map((_, at) => at);
  if (!call.has("dim")) return all;
  const axes = call.ints("dim").map((axis) => (axis < 0 ? axis + x.type.shape.length : axis));
  return axes.length === 0 ? all : axes;
}

const keep = (call: TorchCall) => ({ keepDims: call.flag("keepdim") });

/** Integers are summed in 64 bits, unless a dtype is given. */
const summable = (call: TorchCall, x: Tensor): Tensor =>
  cast(x, call.dtype("dtype", isFloatDtype(x.dtype) ? x.dtype : "i64"));

const multiplied = (call: TorchCall): Tensor => {
  const x = summable(call, call.tensor("self"));
  return x.prod(axesOf(call, x), keep(call));
};

/** Variance by its correction, the mean beside it where asked. */
function variance(call: TorchCall, root: boolean): Tensor {
  const x = call.tensor("self");
  const correction = call.has("correction") ? call.float("correction") : 1;
  const options = { ...keep(call), correction };
  return root ? x.std(axesOf(call, x), options) : x.variance(axesOf(call, x), options);
}

function withMean(call: TorchCall, root: boolean): TorchResult {
  const x = call.tensor("self");
  const correction = call.has("unbiased")
    ? call.flag("unbiased")
      ? 1
      : 0
    : call.has("correction")
      ? call.float("correction")
      : 1;
  const axes = axesOf(call, x);
  const options = { ...keep(call), correction };
  return [root ? x.std(axes, options) : x.variance(axes, options), x.mean(axes, keep(call))];
}

/** Around a tensor of no dimension, a line of one. */
const line = (x: Tensor): Tensor => (x.type.shape.length === 0 ? x.reshape([1]) : x);

function ordered(call: TorchCall): TorchResult {
  const self = call.tensor("self");
  const x = line(self);
  const { values, indices } = x.sort(call.axis("dim", x.type.shape.length), { descending: call.flag("descending") });
  return [values.reshape(self.type.shape), indices.reshape(self.type.shape)];
}

function top(call: TorchCall): TorchResult {
  const self = call.tensor("self");
  const x = line(self);
  const { values, indices } = x.topK(call.int("k"), call.axis("dim", x.type.shape.length), {
    largest: call.flag("largest"),
  });
  return self.shape.length === 0 ? [values.reshape([]), indices.reshape([])] : [values, indices];
}

/** The element of a rank along a dimension, and where it was. */
function ranked(x: Tensor, axis: number, rank: number, keepDims: boolean): TorchResult {
  const { values, indices } = x.sort(axis);
  const one = (each: Tensor): Tensor => {
    const taken = each.slice(
      ...each.shape.map((size, at) => (at === axis ? ([rank, rank + 1] as const) : ([0, size] as const))),
    );
    return keepDims ? taken : taken.squeeze(axis);
  };
  return [one(values), one(indices)];
}

/** The lower of the two in the middle; NaN where there is one. */
function median(call: TorchCall): TorchResult {
  const x = call.tensor("self");
  if (!call.has("dim")) {
    const flat = x.flatten();
    const [value] = ranked(flat, 0, Math.floor((flat.shape[0]! - 1) / 2), false) as readonly [Tensor, Tensor];
    return isFloatDtype(x.dtype) ? where(flat.isNaN().any(), constant(Number.NaN, x.dtype), value) : value;
  }
  const axis = call.axis("dim", x.type.shape.length);
  const [value, at] = ranked(x, axis, Math.floor((x.shape[axis]! - 1) / 2), call.flag("keepdim")) as [Tensor, Tensor];
  if (!isFloatDtype(x.dtype)) return [value, at];
  const isBroken = x.isNaN().any([axis], keep(call));
  const first = x.isNaN().cast("i32").argmax(axis);
  const place = call.flag("keepdim") ? first.unsqueeze(axis) : first;
  return [where(isBroken, constant(Number.NaN, x.dtype), value), where(isBroken, place, at)];
}

/** Running along a dimension, of integers in 64 bits. */
const running = (name: "cumsum" | "cumprod"): TorchOperator =>
  operator(`${name}(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor`, (call) => {
    const x = summable(call, call.tensor("self"));
    return line(x)[name](call.axis("dim", x.type.shape.length)).reshape(x.type.shape);
  });

const extremeSoFar = (name: "cummax" | "cummin"): TorchOperator =>
  operator(`${name}(Tensor self, int dim) -> (Tensor, Tensor)`, (call): TorchResult => {
    const x = call.tensor("self");
    const { values, indices } = line(x)[name](call.axis("dim", x.type.shape.length));
    return [values.reshape(x.type.shape), indices.reshape(x.type.shape)];
  });

/** Running ln Σ e^x, from the largest so far. */
function runningLogSumExp(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const axis = call.axis("dim", x.type.shape.length);
  const flat = line(x);
  const most = flat.max([axis], { keepDims: true });
  const base = where(most.isFinite(), most, constant(0, x.dtype));
  return flat.sub(base).exp().cumsum(axis).log().add(base).reshape(x.type.shape);
}

/** Differences of neighbours, so many times. */
function differences(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const axis = call.axis("dim", self.type.shape.length);
  const [before, after] = [call.optional("prepend"), call.optional("append")];
  const ends = [before, self, after].flatMap((each) => (each ? [cast(each, self.dtype)] : []));
  let x = ends.length === 1 ? self : concat(ends, axis);
  for (let turn = 0; turn < call.int("n"); turn++) {
    const size = x.shape[axis]!;
    const range = (from: number, to: number): Tensor =>
      x.slice(...x.shape.map((each, at) => (at === axis ? ([from, to] as const) : ([0, each] as const))));
    x = range(1, size).sub(range(0, size - 1));
  }
  return x;
}

const withoutNaN = (x: Tensor): Tensor => (isFloatDtype(x.dtype) ? where(x.isNaN(), constant(0, x.dtype), x) : x);

function meanWithoutNaN(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const axes = axesOf(call, x);
  const count = cast(x.isNaN().not(), x.dtype).sum(axes, keep(call));
  return withoutNaN(x).sum(axes, keep(call)).div(count);
}

const decided = (name: "any" | "all"): readonly TorchOperator[] => [
  operator(`${name}.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor`, (call) => {
    const x = call.tensor("self");
    return (cast(x, "bool") as Tensor<"bool">)[name](axesOf(call, x), keep(call));
  }),
];

const dtypeOption = "ScalarType? dtype=None";

export const reductions: readonly TorchOperator[] = [
  operator(`prod(Tensor self, *, ${dtypeOption}) -> Tensor`, multiplied),
  operator(`prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ${dtypeOption}) -> Tensor`, multiplied),
  operator("logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor", (call) => {
    const x = cast(call.tensor("self"), floatType(call.tensor("self").dtype));
    return x.logSumExp(axesOf(call, x), keep(call));
  }),
  ...(["var", "std"] as const).flatMap((name) => [
    operator(
      `${name}.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor`,
      (call) => variance(call, name === "std"),
    ),
    operator(`${name}_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)`, (call) =>
      withMean(call, name === "std"),
    ),
    operator(
      `${name}_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)`,
      (call) => withMean(call, name === "std"),
    ),
    operator(
      `${name}_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)`,
      (call) => withMean(call, name === "std"),
    ),
  ]),
  ...decided("any"),
  ...decided("all"),
  operator("aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor, Tensor)", (call): TorchResult => {
    const x = call.tensor("self");
    return [x.min(axesOf(call, x), keep(call)), x.max(axesOf(call, x), keep(call))];
  }),
  operator("count_nonzero(Tensor self, int? dim=None) -> Tensor", (call) => {
    const x = call.tensor("self");
    return cast(x.notEqual(0), "i64").sum(axesOf(call, x));
  }),
  operator("count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor", (call) => {
    const x = call.tensor("self");
    return cast(x.notEqual(0), "i64").sum(axesOf(call, x));
  }),
  operator(`nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ${dtypeOption}) -> Tensor`, (call) => {
    const x = withoutNaN(summable(call, call.tensor("self")));
    return x.sum(axesOf(call, x), keep(call));
  }),
  operator(`nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ${dtypeOption}) -> Tensor`, meanWithoutNaN),
  operator("sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor, Tensor)", ordered),
  operator("sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor, Tensor)", ordered),
  operator("msort(Tensor self) -> Tensor", (call) => call.tensor("self").sort(0).values),
  operator("argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", (call) => {
    const x = call.tensor("self");
    return x.argsort(call.axis("dim", x.type.shape.length), { descending: call.flag("descending") });
  }),
  operator("argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", (call) => {
    const x = call.tensor("self");
    return x.argsort(call.axis("dim", x.type.shape.length), { descending: call.flag("descending") });
  }),
  operator("topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor, Tensor)", top),
  operator("kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)", (call) => {
    const x = call.tensor("self");
    const axis = call.axis("dim", x.type.shape.length);
    const k = call.int("k");
    if (k < 1 || k > x.shape[axis]!) throw torchMisfit(`the ${k}th of ${x.shape[axis]} values`);
    return ranked(x, axis, k - 1, call.flag("keepdim"));
  }),
  operator("median(Tensor self) -> Tensor", median),
  operator("median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", median),
  running("cumsum"),
  running("cumprod"),
  extremeSoFar("cummax"),
  extremeSoFar("cummin"),
  operator("logcumsumexp(Tensor self, int dim) -> Tensor", runningLogSumExp),
  operator("diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", differences),
  operator("histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", (call) => {
    const x = call.tensor("self").flatten();
    const bins = call.int("bins");
    const given = [call.float("min"), call.float("max")] as const;
    const bound = (value: number): Tensor => constant(value, x.dtype);
    const ends = given[0] === given[1] ? [x.min(), x.max()] : [bound(given[0]), bound(given[1])];
    // Between equal ends lies one more on both sides.
    const isPoint = ends[0]!.equal(ends[1]!);
    const [low, high] = [where(isPoint, ends[0]!.sub(1), ends[0]!), where(isPoint, ends[1]!.add(1), ends[1]!)] as const;
    const isIn = x.greaterEqual(low).and(x.lessEqual(high));
    const place = x
      .sub(low)
      .mul(bound(bins).div(high.sub(low)))
      .floor()
      .clamp(0, bins - 1);
    const bin = cast(where(isIn, place, bound(0)), "i64");
    const none: Tensor = full(x.dtype as Dtype, [bins], 0);
    return none.scatterAdd(0, bin, cast(isIn, x.dtype));
  }),
];
