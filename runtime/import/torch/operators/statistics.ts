// PyTorch's statistics: what occurs how often, orders, quantiles, covariances, sums of areas under curves.
import { isFloatDtype } from "../../../../kernels/index.ts";
import { concat, constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { cast, itemsOfTorch, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType } from "../promotion.ts";
import { operator, type TorchOperator, type TorchResult } from "./definition.ts";

const number = (x: Tensor, value: number): Tensor => constant(value, x.dtype);

/** Elements from … to of an axis. */
const along = (x: Tensor, axis: number, from: number, to: number): Tensor =>
  x.slice(...x.shape.map((size, at) => (at === axis ? ([from, to] as const) : ([0, size] as const))));

/** The different elements, where each is among them, and how often it occurs. */
function different(call: TorchCall): TorchResult {
  const x = call.tensor("self");
  const { values, inverse, occurrences } = x.unique();
  return [values, inverse.reshape(x.shape), occurrences];
}

/** The first of each run of equal elements, which run each element is in, and how long runs are. */
function consecutive(call: TorchCall): TorchResult {
  if (call.has("dim")) throw unsupportedTorch("unique_consecutive of slices", "call it on the flattened tensor");
  const self = call.tensor("self");
  const x = self.flatten();
  const count = x.shape[0]!;
  const differs = along(x, 0, 1, count).notEqual(along(x, 0, 0, count - 1));
  const begins = concat([constant([1], "bool", [1]), differs], 0) as Tensor<"bool">;
  const run = begins.cast("i64").cumsum(0).sub(1);
  const lengths = (full("i64", [count], 0) as Tensor).scatterAdd(0, run, full("i64", [count], 1));
  return [
    x.maskedSelect(begins).values,
    run.reshape(self.shape),
    // Of each element's run: those under the mask are one for each run.
    lengths.indexSelect(0, run).maskedSelect(begins).values,
  ];
}

/** The element that occurs most often along a dimension, the least of several, and where it is last. */
function mostCommon(call: TorchCall): TorchResult {
  const x = call.tensor("self");
  if (x.type.shape.length === 0) return [x, constant(0, "i64")];
  const axis = call.axis("dim", x.type.shape.length);
  const last = x.type.shape.length - 1;
  const rows = x.transpose(axis, last);
  const counts = cast(rows.unsqueeze(last + 1).equal(rows.unsqueeze(last)), "i64").sum([last + 1]);
  const isMost = counts.equal(counts.max([last], { keepDims: true }));
  const largest = isFloatDtype(x.dtype) ? number(x, Number.POSITIVE_INFINITY) : rows.max([last], { keepDims: true });
  const value = where(isMost, rows, largest).min([last], { keepDims: true });
  const size = x.shape[axis]!;
  const places = constant(
    Array.from({ length: size }, (_, at) => at),
    "i64",
    [size],
  );
  const place = where(rows.equal(value), places, constant(-1, "i64")).max([last], { keepDims: true });
  return [value, place].map((each) => {
    const turned = each.transpose(axis, last);
    return call.flag("keepdim") ? turned : turned.squeeze(axis);
  });
}

type Interpolation = (low: Tensor, high: Tensor, share: Tensor) => Tensor;

/** How a value between two of a sorted row is made. */
const interpolations: { readonly [name: string]: Interpolation } = {
  linear: (low, high, share) => low.add(high.sub(low).mul(share)),
  lower: (low) => low,
  higher: (_, high) => high,
  midpoint: (low, high, share) => where(share.equal(0), low, low.add(high.sub(low).mul(0.5))),
  nearest: (low, high, share) => where(share.greater(0.5), high, low),
};

/**
 * Values so many shares of the way from the least to the greatest; with `skips`, of those that are no NaN.
 *
 * PyTorch rounds a place to even where it is halfway between two.
 */
function quantiles(call: TorchCall, skips: boolean): Tensor {
  const self = call.tensor("self");
  const shares = call.value("q");
  const isOne = typeof shares === "number" || typeof shares === "bigint";
  const q = isOne ? constant([Number(shares)], self.dtype, [1]) : cast(call.tensor("q"), self.dtype);
  const mode = call.text("interpolation") || "linear";
  const blend = Object.hasOwn(interpolations, mode) ? interpolations[mode] : undefined;
  if (!blend) throw torchMisfit(`quantile by "${mode}"`);
  const x = call.has("dim") ? self : self.flatten();
  const axis = call.has("dim") ? call.axis("dim", x.type.shape.length) : 0;
  const last = x.type.shape.length - 1;
  const rows = x.transpose(axis, last);
  const size = x.shape[axis]!;
  // NaN comes last in PyTorch's order.
  const isBroken = rows.isNaN();
  const { values } = where(isBroken, number(x, Number.POSITIVE_INFINITY), rows).sort(last);
  const counted = cast(isBroken.not(), "i64").sum([last], { keepDims: true });
  const ends = cast(counted.sub(1).maximum(0), x.dtype);
  const shape = [...rows.shape.slice(0, -1), countOf(q.shape)];
  const exact = q
    .flatten()
    .mul(skips ? ends : number(x, size - 1))
    .broadcastTo(shape);
  const place = mode === "nearest" ? exact.round() : exact;
  const at = (position: Tensor): Tensor => values.gather(last, cast(position, "i64"));
  const found = blend(at(place.floor()), at(place.ceil()), place.sub(place.floor()));
  const none = skips ? counted.equal(0) : isBroken.any([last], { keepDims: true });
  const all = where(none, number(x, Number.NaN), found);
  // The shares come first, the dimension stays where it was, or goes.
  const turned = all
    .unsqueeze(0)
    .transpose(0, last + 1)
    .squeeze(last + 1);
  const lead = turned.unsqueeze(last + 1).transpose(axis + 1, last + 1);
  const kept = call.flag("keepdim") ? lead : lead.squeeze(axis + 1);
  const whole =
    call.has("dim") || !call.flag("keepdim") ? kept : kept.reshape([q.flatten().shape[0]!, ...self.shape.map(() => 1)]);
  return isOne || q.type.shape.length === 0 ? whole.squeeze(0) : whole;
}

/** The lower of the two in the middle of what is no NaN. */
function medianWithoutNaN(call: TorchCall): TorchResult {
  const self = call.tensor("self");
  const x = call.has("dim") ? self : self.flatten();
  const axis = call.has("dim") ? call.axis("dim", x.type.shape.length) : 0;
  const isBroken = isFloatDtype(x.dtype) ? x.isNaN() : (full("bool", x.shape, 0) as Tensor<"bool">);
  const shown = isFloatDtype(x.dtype) ? where(isBroken, number(x, Number.POSITIVE_INFINITY), x) : x;
  const { values, indices } = shown.sort(axis);
  const counted = cast(isBroken.not(), "i64").sum([axis], { keepDims: true });
  const middle = counted.sub(1).maximum(0).floorDivide(2);
  const [value, place] = [values, indices].map((each) => each.gather(axis, middle)) as [Tensor, Tensor];
  const found = isFloatDtype(x.dtype) ? where(counted.equal(0), number(x, Number.NaN), value) : value;
  if (!call.has("dim")) return found.reshape([]);
  return [found, place].map((each) => (call.flag("keepdim") ? each : each.squeeze(axis)));
}

/** Covariances of rows of observations, each with a weight and a frequency. */
function covariance(x: Tensor, correction: number, frequencies?: Tensor, weights?: Tensor): Tensor {
  const rows = x.type.shape.length < 2 ? x.reshape([1, countOf(x.shape)]) : x;
  const count = rows.shape[1]!;
  const float = cast(rows, floatType(x.dtype));
  const shares = [frequencies, weights].reduce<Tensor | undefined>(
    (product, each) => (each ? (product?.mul(cast(each, float.dtype)) ?? cast(each, float.dtype)) : product),
    undefined,
  );
  const total = shares ? shares.sum() : number(float, count);
  const weighted = (y: Tensor): Tensor => (shares ? y.mul(shares) : y);
  const centred = float.sub(weighted(float).sum([1], { keepDims: true }).div(total));
  const squares = weights && shares ? shares.mul(cast(weights, float.dtype)).sum().div(total) : number(float, 1);
  const norm = total.sub(squares.mul(correction)).maximum(0);
  const product = weighted(centred).matmul(centred.transpose(0, 1)).div(norm);
  return x.type.shape.length < 2 ? product.reshape([]) : product;
}

function correlation(call: TorchCall): Tensor {
  const c = covariance(call.tensor("self"), 1);
  if (c.type.shape.length === 0) return c.div(c);
  const size = c.shape[0]!;
  const places = constant(
    Array.from({ length: size }, (_, at) => at * (size + 1)),
    "i64",
    [size],
  );
  const root = c.flatten().indexSelect(0, places).sqrt();
  return c.div(root.unsqueeze(1)).div(root.unsqueeze(0)).clamp(-1, 1);
}

/** Areas between neighbours under a curve, and their sum, or their running sum. */
function areas(call: TorchCall, runs: boolean): Tensor {
  const given = call.tensor("y");
  const y = cast(given, floatType(given.dtype));
  const axis = call.axis("dim", y.type.shape.length);
  const size = y.shape[axis]!;
  const height = along(y, axis, 1, size).add(along(y, axis, 0, size - 1));
  const width = (): Tensor => {
    const x = cast(call.tensor("x"), y.dtype);
    const own = x.type.shape.length === 1 ? x.reshape(y.shape.map((_, at) => (at === axis ? x.shape[0]! : 1))) : x;
    return along(own, axis, 1, size).sub(along(own, axis, 0, size - 1));
  };
  const parts = call.has("x") ? height.mul(width()).mul(0.5) : height.mul((call.has("dx") ? call.float("dx") : 1) / 2);
  return runs ? parts.cumsum(axis) : parts.sum([axis]);
}

/** Slices along a dimension, none of which is longer than `maxnorm`. */
function renormed(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const axis = call.axis("dim", x.type.shape.length);
  const [p, most] = [call.float("p"), call.float("maxnorm")];
  const others = x.shape.map((_, at) => at).filter((at) => at !== axis);
  const keep = { keepDims: true } as const;
  const size =
    p === Number.POSITIVE_INFINITY
      ? x.abs().max(others, keep)
      : p === 2
        ? x.mul(x).sum(others, keep).sqrt()
        : x
            .abs()
            .pow(p)
            .sum(others, keep)
            .pow(1 / p);
  return where(size.greater(most), x.mul(number(x, most).div(size.add(1e-7))), x);
}

/** Products of vectors, also of such as are the last dimension of others. */
function inner(call: TorchCall): Tensor {
  const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  if (a.type.shape.length === 0 || b.type.shape.length === 0) return a.mul(b);
  const [left, right] = [a.shape.slice(0, -1), b.shape.slice(0, -1)];
  const width = a.shape.at(-1)!;
  const rows = a.reshape([countOf(left), width]).matmul(b.reshape([countOf(right), width]).transpose(0, 1));
  return rows.reshape([...left, ...right]);
}

/** All choices of so many elements of a vector, a row for each. */
function combinations(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const [r, repeats] = [call.int("r"), call.flag("with_replacement")];
  const rows: number[][] = [];
  const choose = (row: readonly number[], from: number): void => {
    if (row.length === r) rows.push([...row]);
    else for (let at = from; at < x.shape[0]!; at++) choose([...row, at], repeats ? at : at + 1);
  };
  choose([], 0);
  return x.indexSelect(0, constant(rows.flat(), "i64", [rows.length * r])).reshape([rows.length, r]);
}

/** Positions in a flat tensor as positions in each of its dimensions. */
function unraveled(call: TorchCall): TorchResult {
  const index = cast(call.tensor("indices"), "i64");
  const shape = call.ints("shape");
  return shape.map((size, at) => index.floorDivide(countOf(shape.slice(at + 1))).remainder(size));
}

/** How many numbers fall between edges that are equally far apart. */
function histogram(call: TorchCall): TorchResult {
  const x = call.tensor("self").flatten();
  const bins = call.int("bins");
  const range = itemsOfTorch(call.value("range"))?.map((each) => number(x, Number(each)));
  const [least, most] = range ?? [x.min(), x.max()];
  const isPoint = least!.equal(most!);
  const [low, high] = [where(isPoint, least!.sub(0.5), least!), where(isPoint, most!.add(0.5), most!)] as const;
  const shares = Array.from({ length: bins + 1 }, (_, at) => at / bins);
  const edges = high
    .sub(low)
    .mul(constant(shares, x.dtype, [bins + 1]))
    .add(low);
  const below = edges.slice([0, bins]).unsqueeze(0).lessEqual(x.unsqueeze(1));
  const bin = cast(below, "i64").sum([1]).sub(1).maximum(0);
  const isInside = x.greaterEqual(low).and(x.lessEqual(high));
  const weight = call.optional("weight")?.flatten() ?? (full(x.dtype, x.shape, 1) as Tensor);
  const counts = (full(x.dtype, [bins], 0) as Tensor).scatterAdd(0, bin, where(isInside, weight, number(x, 0)));
  if (!call.flag("density")) return [counts, edges];
  return [counts.div(counts.sum()).div(high.sub(low).div(bins)), edges];
}

const quantileOptions = "int? dim=None, bool keepdim=False, *, str interpolation='linear'";
const bothSums = (schemas: readonly string[], runs: boolean): readonly TorchOperator[] =>
  schemas.map((schema) => operator(`${schema} -> Tensor`, (call) => areas(call, runs)));

export const statistics: readonly TorchOperator[] = [
  operator(
    "_unique2(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)",
    different,
  ),
  operator("_unique(Tensor self, bool sorted=True, bool return_inverse=False) -> (Tensor, Tensor)", (call) =>
    (different(call) as readonly Tensor[]).slice(0, 2),
  ),
  operator(
    "unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)",
    consecutive,
  ),
  operator("mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor, Tensor)", mostCommon),
  ...(["quantile", "nanquantile"] as const).flatMap((name) => [
    operator(`${name}(Tensor self, Tensor q, ${quantileOptions}) -> Tensor`, (call) =>
      quantiles(call, name === "nanquantile"),
    ),
    operator(`${name}.scalar(Tensor self, float q, ${quantileOptions}) -> Tensor`, (call) =>
      quantiles(call, name === "nanquantile"),
    ),
  ]),
  operator("nanmedian(Tensor self) -> Tensor", medianWithoutNaN),
  operator("nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)", medianWithoutNaN),
  operator("cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor", (call) =>
    covariance(call.tensor("self"), call.int("correction"), call.optional("fweights"), call.optional("aweights")),
  ),
  operator("corrcoef(Tensor self) -> Tensor", correlation),
  ...bothSums(
    [
      "trapezoid.x(Tensor y, Tensor x, *, int dim=-1)",
      "trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1)",
      "trapz.x(Tensor y, Tensor x, *, int dim=-1)",
      "trapz.dx(Tensor y, *, float dx=1, int dim=-1)",
    ],
    false,
  ),
  ...bothSums(
    [
      "cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1)",
      "cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1)",
    ],
    true,
  ),
  operator("renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", renormed),
  operator("inner(Tensor self, Tensor other) -> Tensor", inner),
  operator("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", combinations),
  operator("unravel_index(Tensor indices, int[] shape) -> Tensor[]", unraveled),
  operator(
    "histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor, Tensor)",
    histogram,
  ),
];
