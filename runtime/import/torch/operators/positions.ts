// PyTorch's operators that read and write at computed positions, and under masks.

import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { concat, constant, full, type Tensor, where } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { asTensor, cast, itemsOfTorch, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { TorchTensor, type TorchValue } from "../values.ts";
import { operator, type TorchOperator } from "./definition.ts";

const isMask = (x: Tensor): boolean => x.dtype === "bool" || x.dtype === "u8";

/** Positions counted from the front, where some may be counted from the end. */
function fromFront(positions: Tensor, size: number): Tensor {
  const known = fixedNumbers(positions);
  if (known?.every((each) => Number(each) >= 0)) return positions;
  const wide = cast(positions, "i64");
  return where(wide.less(0), wide.add(size), wide);
}

/** The shape that shapes are broadcast to. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): readonly number[] {
  return shapes.reduce((one, other) => {
    const rank = Math.max(one.length, other.length);
    return Array.from({ length: rank }, (_, at) => {
      const [a, b] = [one[at - rank + one.length] ?? 1, other[at - rank + other.length] ?? 1];
      if (a !== b && a !== 1 && b !== 1) throw torchMisfit(`[${one}] and [${other}] do not broadcast`);
      return a === 1 ? b : a;
    });
  }, []);
}

/** A list of indices: positions or a mask for some dimensions, all of the others. */
type Indices =
  | { readonly kind: "none" }
  | { readonly kind: "mask"; readonly axis: number; readonly mask: Tensor<"bool"> }
  | { readonly kind: "positions"; readonly axes: readonly number[]; readonly positions: readonly Tensor[] };

function indicesOf(value: TorchValue, self: Tensor): Indices {
  const given = (itemsOfTorch(value) ?? []).map((each) => (each instanceof TorchTensor ? each.read() : undefined));
  const axes = given.flatMap((each, axis) => (each ? [axis] : []));
  const found = given.filter((each) => each !== undefined);
  if (found.length === 0) return { kind: "none" };
  if (!found.some(isMask))
    return { kind: "positions", axes, positions: found.map((each, at) => fromFront(each, self.shape[axes[at]!]!)) };
  const [mask] = found;
  if (found.length > 1 || !mask)
    throw unsupportedTorch("a mask beside positions", "index in two steps, or choose with where");
  const [axis] = axes as [number];
  const covered = self.shape.slice(axis, axis + mask.shape.length);
  if (covered.join() !== mask.shape.join())
    throw torchMisfit(`a mask of [${mask.shape}] over dimensions of [${covered}]`);
  return { kind: "mask", axis, mask: cast(mask, "bool") as Tensor<"bool"> };
}

/** How indexed dimensions come to the front, and where what they become belongs in the result. */
interface Moved {
  readonly order: readonly number[];
  /** Dimensions that no index names, in front of the result's indexed ones. */
  readonly before: number;
}

function moved(rank: number, axes: readonly number[]): Moved {
  const rest = Array.from({ length: rank }, (_, at) => at).filter((at) => !axes.includes(at));
  const isAdjacent = axes.every((axis, at) => axis === axes[0]! + at);
  return { order: [...axes, ...rest], before: isAdjacent ? axes[0]! : 0 };
}

const identity = (order: readonly number[]): boolean => order.every((axis, at) => axis === at);
const permuted = (x: Tensor, order: readonly number[]): Tensor => (identity(order) ? x : x.permute(order));
const inverse = (order: readonly number[]): readonly number[] => order.map((_, at) => order.indexOf(at));

/** Moves the first `count` dimensions behind the `before` that follow them. */
const toPlace = (rank: number, count: number, before: number): readonly number[] => [
  ...Array.from({ length: before }, (_, at) => count + at),
  ...Array.from({ length: count }, (_, at) => at),
  ...Array.from({ length: rank - count - before }, (_, at) => count + before + at),
];

/** Rows of positions, one number for each indexed dimension. */
const rowsOf = (positions: readonly Tensor[], shape: readonly number[]): Tensor =>
  concat(
    positions.map((each) => cast(each, "i64").broadcastTo(shape).unsqueeze(shape.length)),
    shape.length,
  );

function indexed(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const indices = indicesOf(call.value("indices"), self);
  switch (indices.kind) {
    case "none":
      return self;
    case "mask": {
      const { mask, axis } = indices;
      const sizes = self.shape;
      const flat = self.reshape([
        ...sizes.slice(0, axis),
        countOf(mask.shape),
        ...sizes.slice(axis + mask.shape.length),
      ]);
      return flat.compress(mask.flatten(), axis).values;
    }
    case "positions": {
      const { axes, positions } = indices;
      if (axes.length === 1) return self.indexSelect(axes[0]!, positions[0]!);
      const { order, before } = moved(self.type.shape.length, axes);
      const shape = broadcastShape(...positions.map((each) => each.shape));
      const taken = permuted(self, order).gatherND(rowsOf(positions, shape));
      return permuted(taken, toPlace(taken.shape.length, shape.length, before));
    }
  }
}

/** `self[indices] = values`, or `+=`. */
function indexPut(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const values = cast(call.tensor("values"), self.dtype);
  const indices = indicesOf(call.value("indices"), self);
  const adds = call.flag("accumulate");
  switch (indices.kind) {
    case "none":
      return adds ? self.add(values) : values.broadcastTo(self.shape);
    case "mask": {
      const { mask, axis } = indices;
      const { shape } = self;
      const behind = shape.length - axis - mask.shape.length;
      const whole = mask.reshape([
        ...new Array<number>(axis).fill(1),
        ...mask.shape,
        ...new Array<number>(behind).fill(1),
      ]);
      const put = underMask(values, mask, shape, axis, behind);
      return where(whole.broadcastTo(shape), adds ? self.add(put) : put.broadcastTo(shape), self);
    }
    case "positions": {
      const { axes, positions } = indices;
      const { order, before } = moved(self.type.shape.length, axes);
      const shape = broadcastShape(...positions.map((each) => each.shape));
      const from = permuted(self, order);
      const rest = from.shape.slice(axes.length);
      const sizes = [...rest.slice(0, before), ...shape, ...rest.slice(before)];
      const result = inverse(toPlace(sizes.length, shape.length, before));
      const updates = permuted(values.broadcastTo(sizes), result);
      return permuted(from.scatterND(rowsOf(positions, shape), updates, adds ? "add" : "set"), inverse(order));
    }
  }
}

/** Values for what a mask chooses, at the places of what it masks. */
function underMask(
  values: Tensor,
  mask: Tensor<"bool">,
  shape: readonly number[],
  axis: number,
  behind: number,
): Tensor {
  const own = values.shape;
  const at = own.length - 1 - behind;
  if (at < 0) return values;
  const ones = new Array<number>(mask.shape.length).fill(1);
  if (own[at] === 1) return values.reshape([...own.slice(0, at), ...ones, ...own.slice(at + 1)]);
  // The first value belongs to the first place that is chosen, and so on.
  const rank = mask
    .flatten()
    .cast("i64")
    .cumsum(0)
    .sub(1)
    .clamp(0, own[at]! - 1);
  const lead = shape.slice(0, axis);
  const all = values.broadcastTo([...lead, own[at]!, ...shape.slice(axis + mask.shape.length)]);
  return all.indexSelect(axis, rank).reshape(shape);
}

/** `source` cut to the extents of the positions, as scatter reads it. */
const cutTo = (source: Tensor, index: Tensor): Tensor =>
  source.shape.join() === index.shape.join() ? source : source.slice(...index.shape.map((size) => [0, size] as const));

interface Scattered {
  readonly self: Tensor;
  readonly axis: number;
  readonly index: Tensor;
  readonly source: Tensor;
}

/** The operands of scatter, whose source may be a number. */
function scattered(call: TorchCall, name: "src" | "value"): Scattered {
  const self = call.tensor("self");
  const index = call.tensor("index");
  const given = call.value(name);
  const source =
    given instanceof TorchTensor
      ? cutTo(cast(given.read(), self.dtype), index)
      : asTensor(given, self.dtype).broadcastTo(index.shape);
  return { self, axis: call.axis("dim", self.type.shape.length), index, source };
}

/** Puts a scalar's single element in one dimension for a while. */
function throughVector({ self, axis, index, source }: Scattered, run: (of: Scattered) => Tensor): Tensor {
  if (self.type.shape.length > 0) return run({ self, axis, index, source });
  const line = (x: Tensor) => x.reshape([1]);
  return run({ self: line(self), axis: 0, index: line(index), source: line(source) }).reshape([]);
}

/** The least or the largest number that a dtype has. */
function extremeOf(dtype: Dtype, largest: boolean): number {
  if (isFloatDtype(dtype)) return largest ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (dtype === "bool") return largest ? 1 : 0;
  const bits = Number(dtype.slice(1));
  if (dtype.startsWith("u")) return largest ? 2 ** bits - 1 : 0;
  // Of 64 bits a number that both JavaScript and i64 have.
  const most = 2 ** (bits - 1);
  return largest ? (bits === 64 ? most - 1024 : most - 1) : -most;
}

/** How often each element is named. */
const timesNamed = ({ self, axis, index }: Scattered, dtype: Dtype): Tensor =>
  full(dtype, self.shape, 0).scatterAdd(axis, index, full(dtype, index.shape, 1));

function reduced(of: Scattered, reduce: string, includesSelf: boolean): Tensor {
  const { self, axis, index, source } = of;
  const start = (identity: number): Tensor =>
    includesSelf ? self : where(timesNamed(of, "i32").greater(0), full(self.dtype, self.shape, identity), self);
  switch (reduce) {
    case "sum":
    case "add":
      return start(0).scatterAdd(axis, index, source);
    case "amax":
    case "amin":
      return start(extremeOf(self.dtype, reduce === "amin")).scatterReduce(axis, index, source, reduce);
    case "mean": {
      const sum = start(0).scatterAdd(axis, index, source);
      const count = timesNamed(of, self.dtype)
        .add(includesSelf ? 1 : 0)
        .maximum(1);
      return isFloatDtype(self.dtype) ? sum.div(count) : sum.floorDivide(count);
    }
    case "prod":
    case "multiply":
      return start(1).mul(products(of));
    default:
      throw unsupportedTorch(`scatter_reduce by "${reduce}"`);
  }
}

/** Products of the elements that are scattered to each place, one after the other. */
function products({ self, axis, index, source }: Scattered): Tensor {
  const turns = index.shape[axis] ?? 1;
  const most = 256;
  if (turns > most)
    throw unsupportedTorch(`products of ${turns} scattered elements`, `${most} are written out at most`);
  const ones = full(self.dtype, self.shape, 1);
  const at = (x: Tensor, turn: number): Tensor =>
    x.slice(...x.shape.map((size, each) => (each === axis ? ([turn, turn + 1] as const) : ([0, size] as const))));
  return Array.from({ length: turns }, (_, turn) => ones.scatter(axis, at(index, turn), at(source, turn))).reduce(
    (product, each) => product.mul(each),
    ones,
  );
}

const scatter =
  (name: "src" | "value") =>
  (call: TorchCall): Tensor =>
    throughVector(scattered(call, name), ({ self, axis, index, source }) =>
      call.has("reduce")
        ? reduced({ self, axis, index, source }, call.text("reduce"), true)
        : self.scatter(axis, index, source),
    );

/** Slices of `source` at positions along a dimension, written or joined. */
function slicesAt(call: TorchCall, source: string, run: (of: Scattered) => Tensor): Tensor {
  const self = call.tensor("self");
  const axis = call.axis("dim", self.type.shape.length);
  const index = call.tensor("index");
  const given = call.value(source);
  const sizes = self.shape.map((size, at) => (at === axis ? countOf(index.shape) : size));
  const slices = asTensor(given, self.dtype);
  const whole = slices.shape.length === 0 || !(given instanceof TorchTensor) ? slices.broadcastTo(sizes) : slices;
  return throughVector({ self, axis, index: fromFront(index, self.shape[axis] ?? 1), source: whole }, run);
}

function bincount(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const known = fixedNumbers(self);
  const least = call.int("minlength");
  if (!known && least === 0)
    throw unsupportedTorch(
      "bincount gives as many counts as its values say",
      "give it minlength, the number of values that there are",
    );
  const count = known ? Math.max(least, ...known.map((each) => Number(each) + 1)) : least;
  const weights = call.optional("weights");
  const dtype: Dtype = weights ? (weights.dtype === "f32" ? "f32" : "f64") : "i64";
  const source = weights ? cast(weights, dtype) : full(dtype, self.shape, 1);
  return (full(dtype, [count], 0) as Tensor).scatterAdd(0, self, source);
}

/** The positions of what is not zero, a row for each, as many as there are. */
const nonZero = (call: TorchCall): Tensor => call.tensor("self").nonzero().indices;

function masked(call: TorchCall): { readonly self: Tensor; readonly mask: Tensor<"bool"> } {
  const [self, mask] = [call.tensor("self"), call.tensor("mask")];
  const shape = broadcastShape(self.shape, mask.shape);
  return { self: self.broadcastTo(shape), mask: (cast(mask, "bool") as Tensor<"bool">).broadcastTo(shape) };
}

/** With what a mask chooses replaced by the elements of a source in their order. */
function maskedScatter(call: TorchCall): Tensor {
  const { self, mask } = masked(call);
  const source = cast(call.tensor("source"), self.dtype).flatten();
  const rank = mask
    .flatten()
    .cast("i64")
    .cumsum(0)
    .sub(1)
    .clamp(0, Math.max(0, source.shape[0]! - 1));
  return where(mask, source.indexSelect(0, rank).reshape(self.shape), self);
}

/** How many boundaries lie below each value: where it belongs among them. */
function placed(values: Tensor, boundaries: Tensor, right: boolean, dtype: Dtype): Tensor {
  const lead = boundaries.shape.slice(0, -1);
  const below = (one: Tensor, bounds: Tensor): Tensor<"bool"> => (right ? bounds.lessEqual(one) : bounds.less(one));
  const isOne = lead.length === 0;
  const bounds = isOne ? boundaries : boundaries.unsqueeze(lead.length);
  const count = below(values.unsqueeze(values.shape.length), bounds).cast("i64").sum([values.shape.length]);
  return cast(count, dtype);
}

function searched(call: TorchCall, values: string, boundaries: string, right: boolean): Tensor {
  const [self, bounds] = call.promoted([values, boundaries]) as [Tensor, Tensor];
  return placed(self, bounds, right, call.flag("out_int32") ? "i32" : "i64");
}

function oneHot(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const given = call.int("num_classes");
  const known = fixedNumbers(self);
  if (given < 0 && !known) throw unsupportedTorch("one_hot of as many classes as values say", "give it num_classes");
  return self.oneHot(given < 0 ? Math.max(0, ...known!.map(Number)) + 1 : given);
}

/** Each element so many times. */
function repeatInterleave(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const given = call.value("repeats");
  const x = call.has("dim") ? self : self.flatten();
  const axis = call.has("dim") ? call.axis("dim", x.shape.length) : 0;
  const size = x.shape[axis]!;
  const counts = given instanceof TorchTensor ? fixedNumbers(given.read())?.map(Number) : [call.int("repeats")];
  if (!counts) throw unsupportedTorch("repeat_interleave by counts that are known only while the model runs");
  const all = counts.length === 1 ? new Array<number>(size).fill(counts[0]!) : counts;
  const places = all.flatMap((count, at) => new Array<number>(count).fill(at));
  return x.indexSelect(axis, constant(places, "i64", [places.length]));
}

const flatPlaces = (call: TorchCall, self: Tensor): Tensor =>
  fromFront(call.tensor("index"), countOf(self.shape)).flatten();

export const positions: readonly TorchOperator[] = [
  operator("index_select(Tensor self, int dim, Tensor index) -> Tensor", (call) => {
    const self = call.tensor("self");
    if (self.type.shape.length === 0) return self;
    const index = call.tensor("index");
    return self.indexSelect(
      call.axis("dim", self.type.shape.length),
      index.type.shape.length === 0 ? index.reshape([1]) : index,
    );
  }),
  operator("gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", (call) => {
    const self = call.tensor("self");
    const index = call.tensor("index");
    const axis = call.axis("dim", self.type.shape.length);
    if (self.type.shape.length === 0) return self;
    // PyTorch reads of other dimensions only as far as the positions go.
    const part = self.slice(
      ...self.shape.map((size, at) => [0, at === axis ? size : (index.shape[at] ?? size)] as const),
    );
    return part.gather(axis, index);
  }),
  operator("take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", (call) => {
    const [self, index] = [call.tensor("self"), call.tensor("indices")];
    if (!call.has("dim")) return self.flatten().indexSelect(0, index.flatten());
    const axis = call.axis("dim", self.type.shape.length);
    const other = (x: Tensor) => x.shape.map((size, at) => (at === axis ? 1 : size));
    const shape = broadcastShape(other(self), other(index));
    const along = (x: Tensor) => x.broadcastTo(shape.map((size, at) => (at === axis ? x.shape[axis]! : size)));
    return along(self).gather(axis, along(index));
  }),
  operator("take(Tensor self, Tensor index) -> Tensor", (call) => {
    const self = call.tensor("self");
    return self.flatten().indexSelect(0, flatPlaces(call, self)).reshape(call.tensor("index").shape);
  }),
  operator("put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", (call) => {
    const self = call.tensor("self");
    const [places, source] = [flatPlaces(call, self), cast(call.tensor("source"), self.dtype).flatten()];
    const line = self.flatten();
    return (call.flag("accumulate") ? line.indexAdd(0, places, source) : line.indexCopy(0, places, source)).reshape(
      self.shape,
    );
  }),
  operator("index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", indexed),
  operator("index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor", indexPut),
  operator("_unsafe_index.Tensor(Tensor self, Tensor?[] indices) -> Tensor", indexed),
  operator(
    "_unsafe_index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor",
    indexPut,
  ),
  operator("index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", (call) => {
    const alpha = call.float("alpha");
    return slicesAt(call, "source", ({ self, axis, index, source }) =>
      self.indexAdd(axis, index, alpha === 1 ? source : source.mul(alpha)),
    );
  }),
  operator("index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", (call) =>
    slicesAt(call, "source", ({ self, axis, index, source }) => self.indexCopy(axis, index, source)),
  ),
  ...[
    "int_Scalar(Tensor self, int dim, Tensor index, Scalar value)",
    "int_Tensor(Tensor self, int dim, Tensor index, Tensor value)",
  ].map((given) =>
    operator(`index_fill.${given} -> Tensor`, (call) =>
      slicesAt(call, "value", ({ self, axis, index, source }) => self.indexCopy(axis, index, source)),
    ),
  ),
  operator(
    "index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
    (call) =>
      slicesAt(call, "source", ({ self, axis, index, source }) => {
        const sizes = source.shape;
        const places = index.reshape(sizes.map((_, at) => (at === axis ? sizes[axis]! : 1))).broadcastTo(sizes);
        return reduced({ self, axis, index: places, source }, call.text("reduce"), call.flag("include_self"));
      }),
  ),
  operator("scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", scatter("src")),
  operator("scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor", scatter("value")),
  operator("scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor", scatter("src")),
  operator(
    "scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor",
    scatter("value"),
  ),
  operator("scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor", (call) =>
    throughVector(scattered(call, "src"), ({ self, axis, index, source }) => self.scatterAdd(axis, index, source)),
  ),
  operator(
    "scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor",
    (call) =>
      throughVector(scattered(call, "src"), (of) => reduced(of, call.text("reduce"), call.flag("include_self"))),
  ),
  operator("masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", maskedScatter),
  operator("masked_select(Tensor self, Tensor mask) -> Tensor", (call) => {
    const { self, mask } = masked(call);
    return self.maskedSelect(mask).values;
  }),
  operator("bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", bincount),
  operator("nonzero(Tensor self) -> Tensor", nonZero),
  operator("argwhere(Tensor self) -> Tensor", nonZero),
  ...["Tensor(Tensor self", "Scalar(Scalar self"].map((given) =>
    operator(`bucketize.${given}, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor`, (call) =>
      searched(call, "self", "boundaries", call.flag("right")),
    ),
  ),
  ...["Tensor(Tensor sorted_sequence, Tensor self", "Scalar(Tensor sorted_sequence, Scalar self"].map((given) =>
    operator(
      `searchsorted.${given}, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor`,
      (call) => {
        if (call.has("sorter")) throw unsupportedTorch("searchsorted with a sorter", "sort the sequence before");
        return searched(call, "self", "sorted_sequence", call.flag("right") || call.text("side") === "right");
      },
    ),
  ),
  operator(
    "isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
    (call) => {
      const [x, among] = call.promoted(["elements", "test_elements"]) as [Tensor, Tensor];
      const found = x.unsqueeze(x.shape.length).equal(among.flatten()).any([x.shape.length]);
      return call.flag("invert") ? found.not() : found;
    },
  ),
  operator("one_hot(Tensor self, int num_classes=-1) -> Tensor", oneHot),
  operator(
    "repeat_interleave.self_int(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
    repeatInterleave,
  ),
  operator(
    "repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
    repeatInterleave,
  ),
  operator(
    "tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    (call) => triangleIndices(call, (row, column, offset) => column - row <= offset),
  ),
  operator(
    "triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor",
    (call) => triangleIndices(call, (row, column, offset) => column - row >= offset),
  ),
];

/** Rows and columns of a part of a matrix. */
function triangleIndices(call: TorchCall, isIn: (row: number, column: number, offset: number) => boolean): Tensor {
  const [rows, columns, offset] = [call.int("row"), call.int("col"), call.int("offset")];
  const all = Array.from({ length: rows * columns }, (_, at) => [Math.floor(at / columns), at % columns] as const);
  const found = all.filter(([row, column]) => isIn(row, column, offset));
  return constant([...found.map(([row]) => row), ...found.map(([, column]) => column)], call.dtype("dtype", "i64"), [
    2,
    found.length,
  ]);
}
