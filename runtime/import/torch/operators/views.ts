// PyTorch's operators that give views: what is written to them is written to what they show.
import { bytesOf } from "../../../../kernels/index.ts";
import { concat, constant, type Tensor, where } from "../../../capture/tensor.ts";
import { type Dimension, mostOf, quotientOf, sameShape, showShape, sizeOf } from "../../../graph/dimension.ts";
import { countOf, type Shape } from "../../../graph/tensor-type.ts";
import { asTensor, axisOf, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fault } from "../flow/fault.ts";
import { dimensionOf, type Size } from "../sizes.ts";
import type { TorchTensor, ViewStep } from "../values.ts";
import { given, operator, shapeOf, type TorchOperator } from "./definition.ts";

/** A view of as many elements in the same order. */
const reshaped = (shape: Shape): ViewStep => ({
  show: (whole) => whole.reshape(shape),
  replace: (whole, part) => part.reshape(whole.type.shape),
});

const permuted = (axes: readonly number[]): ViewStep => ({
  show: (whole) => whole.permute(axes),
  replace: (_, part) => part.permute(axes.map((_, at) => axes.indexOf(at))),
});

/** Elements start, start + step, … of an axis. */
const sliced = (axis: number, start: number, end: number, step: number): ViewStep => ({
  show: (whole) =>
    whole.slice(...whole.type.shape.map((_, at) => (at === axis ? ([start, end, step] as const) : ([] as const)))),
  replace: (whole, part) => {
    const size = sizeOf(whole.type.shape[axis]!);
    if (start === 0 && end === size && step === 1) return part;
    if (step !== 1) {
      const places = Array.from({ length: Math.ceil((end - start) / step) }, (_, at) => start + at * step);
      return whole.indexCopy(axis, constant(places, "i64", [places.length]), part);
    }
    const range = (from: number, to: number) =>
      whole.slice(...whole.type.shape.map((_, at) => (at === axis ? ([from, to] as const) : ([] as const))));
    const pieces = [...(start > 0 ? [range(0, start)] : []), part, ...(end < size ? [range(end, size)] : [])];
    return pieces.length === 1 ? part : concat(pieces, axis);
  },
});

/** Elements at places of all that there are, each shown once. */
const picked = (places: readonly number[], shape: readonly number[]): ViewStep => {
  const index = () => constant(places, "i64", [places.length]);
  return {
    show: (whole) => whole.flatten().indexSelect(0, index()).reshape(shape),
    replace: (whole, part) => whole.flatten().indexCopy(0, index(), part.flatten()).reshape(shapeOf(whole)),
  };
};

/** What shows elements several times, and so cannot be written to. */
const readOnly = (what: string, show: (whole: Tensor) => Tensor): ViewStep => ({
  show,
  replace: () => {
    throw unsupportedTorch(`what ${what} gives is written to`, `clone it before: x.${what}(…).clone()`);
  },
});

/** A size of a view; one that a run decides is that of a dimension. */
function ofDimension(size: Size): Dimension {
  const known = dimensionOf(size);
  if (known !== undefined) return known;
  throw unsupportedTorch("a view has a size that values decide, and that none of its tensor's dimensions has");
}

/** The shape of a view: sizes that a run decides are dimensions of what is viewed. */
function viewShape(sizes: readonly Size[], whole: Shape): Shape {
  const shape = sizes.map(ofDimension);
  const known = [...shape, ...whole].flatMap((size) => (typeof size === "number" ? [size] : []));
  if (known.length === shape.length + whole.length) return inferred(shape as number[], whole as number[]);
  const unknown = shape.indexOf(-1);
  if (unknown < 0) return shape;
  const left = quotientOf(whole, shape.toSpliced(unknown, 1));
  if (left === undefined) throw torchMisfit(`${showShape(whole)} cannot be viewed as ${showShape(shape)}`);
  return shape.with(unknown, left);
}

/** A shape with one −1, which stands for what is left. */
function inferred(shape: readonly number[], whole: readonly number[]): readonly number[] {
  const count = whole.reduce((product, size) => product * size, 1);
  const known = shape.reduce((product, size) => (size === -1 ? product : product * size), 1);
  const unknown = shape.indexOf(-1);
  if (unknown >= 0 ? known === 0 || count % known !== 0 || shape.lastIndexOf(-1) !== unknown : known !== count)
    throw torchMisfit(`[${whole}] cannot be viewed as [${shape}]`);
  return shape.map((size) => (size === -1 ? count / known : size));
}

function select(self: TorchTensor, axis: number, index: number): TorchTensor {
  const shape = self.dimensions;
  const at = axisOf(axis, shape.length);
  const size = sizeOf(shape[at]!);
  if (index < -size || index >= size) throw torchMisfit(`index ${index} of a dimension of ${size}`);
  const from = index < 0 ? index + size : index;
  return self.view(sliced(at, from, from + 1, 1)).view(reshaped(shape.filter((_, each) => each !== at)));
}

/** A slice whose index a run knows: one outside is a fault of the step. */
function selectedByRun(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const shape = self.dimensions;
  const axis = axisOf(call.int("dim"), shape.length);
  const index = asTensor(call.value("index"), "i64") as Tensor<"i64">;
  const size = sizeOf(shape[axis]!);
  const isOutside = index.less(-size).or(index.greaterEqual(size));
  fault(isOutside, `an index is not within a dimension of ${size}`);
  const at = where(index.less(0), index.add(size), index).reshape([1]);
  const position: ViewStep = {
    show: (whole) => whole.indexSelect(axis, at),
    replace: (whole, part) => whole.indexCopy(axis, at, part),
  };
  return self.view(position).view(reshaped(shape.filter((_, each) => each !== axis)));
}

/** Whether a slice is all of a dimension. */
function isWhole(call: TorchCall, size: Dimension): boolean {
  const start = call.has("start") ? call.int("start") : 0;
  return start === 0 && call.int("step") === 1 && (!call.has("end") || Number(call.value("end")) >= mostOf(size));
}

function slice(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const axis = call.axis("dim", self.rank);
  const own = self.dimensions[axis] ?? 0;
  // All of what values decide is itself.
  if (typeof own !== "number" && isWhole(call, own)) return self;
  const size = sizeOf(own);
  const step = call.int("step");
  const bound = (name: string, otherwise: number): number => {
    if (!call.has(name)) return otherwise;
    const value = Number(call.value(name));
    return Math.min(Math.max(value < 0 ? value + size : value, 0), size);
  };
  const start = bound("start", 0);
  const end = Math.max(start, bound("end", size));
  return self.view(sliced(axis, start, end, step));
}

function squeezed(self: TorchTensor, axes: readonly number[]): TorchTensor {
  // Also of sizes that values decide, which are never 1.
  const { shape } = self.read().type;
  const gone = new Set(axes.map((axis) => axisOf(axis, Math.max(shape.length, 1))));
  return self.view(reshaped(shape.filter((size, at) => !(gone.has(at) && size === 1))));
}

function expanded(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const shape = self.dimensions;
  const wanted = call.sizes("size");
  const front = wanted.length - shape.length;
  const sizes = wanted.map((size, at) => (size === -1 ? shape[at - front]! : ofDimension(size)));
  return sameShape(sizes, shape) ? self : self.view(readOnly("expand", (whole) => whole.broadcastTo(sizes)));
}

function flattened(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const shape = self.dimensions;
  if (shape.length === 0) return self.view(reshaped([1]));
  const [start, end] = [call.axis("start_dim", shape.length), call.axis("end_dim", shape.length)];
  const middle = quotientOf(shape.slice(start, end + 1), []) ?? countOf(self.shape.slice(start, end + 1));
  return self.view(reshaped([...shape.slice(0, start), middle, ...shape.slice(end + 1)]));
}

function transposed(self: TorchTensor, one: number, other: number): TorchTensor {
  const rank = self.rank;
  if (rank === 0) return self;
  const [a, b] = [axisOf(one, rank), axisOf(other, rank)];
  return self.view(permuted(self.dimensions.map((_, at) => (at === a ? b : at === b ? a : at))));
}

/** Pieces of an axis, each a view. */
function pieces(self: TorchTensor, axis: number, sizes: readonly number[]): TorchTensor[] {
  let start = 0;
  return sizes.map((size) => {
    start += size;
    return self.view(sliced(axis, start - size, start, 1));
  });
}

/** As many pieces of a size as an axis has, the last one shorter. */
function equalPieces(total: number, size: number): number[] {
  const count = Math.max(1, Math.ceil(total / Math.max(size, 1)));
  return Array.from({ length: count }, (_, at) => Math.min(size, total - at * size));
}

const chunked = (call: TorchCall) => {
  const self = call.torch("self");
  const axis = call.axis("dim", self.rank);
  const total = self.shape[axis]!;
  return given(pieces(self, axis, equalPieces(total, Math.ceil(total / call.int("chunks")))));
};

const split = (call: TorchCall) => {
  const self = call.torch("self");
  const axis = call.axis("dim", self.rank);
  const sizes = call.ints("split_size");
  const isOne = typeof call.value("split_size") === "bigint";
  return given(pieces(self, axis, isOne ? equalPieces(self.shape[axis]!, sizes[0]!) : sizes));
};

const viewed = (call: TorchCall) => {
  const self = call.torch("self");
  return given(self.view(reshaped(viewShape(call.sizes("size"), self.dimensions))));
};

/** The diagonal of two axes, as the last axis: of the axes at the end the places of it in what they span. */
function diagonal(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const rank = self.rank;
  const [one, other] = [call.axis("dim1", rank), call.axis("dim2", rank)];
  const offset = call.int("offset");
  const rest = self.shape.map((_, at) => at).filter((at) => at !== one && at !== other);
  const [rows, columns] = [self.shape[one]!, self.shape[other]!];
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  const count = Math.max(0, Math.min(rows - row, columns - column));
  const first = row * columns + column;
  const lead = rest.map((axis) => self.shape[axis]!);
  const flat = self.view(permuted([...rest, one, other])).view(reshaped([...lead, rows * columns]));
  const end = count === 0 ? first : first + (count - 1) * (columns + 1) + 1;
  return flat.view(sliced(lead.length, first, end, columns + 1));
}

/** The contiguous strides of a shape. */
const stridesOf = (shape: readonly number[]): readonly number[] =>
  shape.map((_, at) => shape.slice(at + 1).reduce((product, size) => product * size, 1));

/** Elements by strides over the memory of a tensor, which lies in row-major order. */
function strided(call: TorchCall): TorchTensor {
  const self = call.torch("self");
  const [shape, strides] = [call.ints("size"), call.ints("stride")];
  const offset = call.has("storage_offset") ? call.int("storage_offset") : 0;
  const count = shape.reduce((product, size) => product * size, 1);
  if (strides.join() === stridesOf(shape).join() && offset === 0 && count === countOf(self.shape))
    return self.view(reshaped(shape));
  const own = stridesOf(shape);
  const places = Array.from({ length: count }, (_, at) =>
    shape.reduce((sum, size, d) => sum + (Math.floor(at / own[d]!) % size) * strides[d]!, offset),
  );
  const step = picked(places, shape);
  return self.view(new Set(places).size === places.length ? step : readOnly("as_strided", step.show));
}

/** Dimensions moved to other places, the others in their order. */
function movedDims(self: TorchTensor, from: readonly number[], to: readonly number[]): TorchTensor {
  const rank = self.rank;
  const [sources, targets] = [from, to].map((axes) => axes.map((axis) => axisOf(axis, rank))) as [number[], number[]];
  const rest = self.shape.map((_, at) => at).filter((at) => !sources.includes(at));
  const order = self.shape.map((_, at) => (targets.includes(at) ? sources[targets.indexOf(at)]! : -1));
  return self.view(permuted(order.map((axis) => (axis >= 0 ? axis : rest.shift()!))));
}

/** Pieces up to each of some indices. */
function splitAt(self: TorchTensor, axis: number, indices: readonly number[]): TorchTensor[] {
  const size = self.shape[axis]!;
  const ends = [...indices.map((at) => Math.min(at < 0 ? at + size : at, size)), size];
  return ends.map((end, at) => {
    const start = at === 0 ? 0 : ends[at - 1]!;
    return self.view(sliced(axis, start, Math.max(start, end), 1));
  });
}

/** As many pieces, the first ones longer by one where they differ. */
function splitEvenly(self: TorchTensor, axis: number, count: number): TorchTensor[] {
  const size = self.shape[axis]!;
  const sizes = Array.from({ length: count }, (_, at) => Math.floor(size / count) + (at < size % count ? 1 : 0));
  return pieces(self, axis, sizes);
}

/** The axis that hsplit, vsplit and dsplit cut. */
const splitAxis = (name: string, rank: number): number =>
  name === "vsplit" ? 0 : name === "dsplit" ? 2 : rank === 1 ? 0 : 1;

export const views: readonly TorchOperator[] = [
  operator("view(Tensor self, Size[] size) -> Tensor", viewed),
  operator("view.dtype(Tensor self, ScalarType dtype) -> Tensor", (call) => {
    const self = call.torch("self");
    const [own, other] = [self.dtype, call.dtype("dtype", self.dtype)];
    if (bytesOf(own) !== bytesOf(other))
      throw unsupportedTorch(`a view of ${own} as ${other}`, "view it as a dtype of the same width");
    const bits: ViewStep = { show: (whole) => whole.bitCast(other), replace: (_, part) => part.bitCast(own) };
    return given(self.view(bits));
  }),
  operator("reshape(Tensor self, Size[] shape) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(self.view(reshaped(viewShape(call.sizes("shape"), self.dimensions))));
  }),
  operator("_unsafe_view(Tensor self, Size[] size) -> Tensor", viewed),
  operator("flatten.using_ints(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor", (call) =>
    given(flattened(call)),
  ),
  operator("unflatten.int(Tensor self, int dim, int[] sizes) -> Tensor", (call) => {
    const self = call.torch("self");
    const axis = call.axis("dim", self.rank);
    const sizes = inferred(call.ints("sizes"), [self.shape[axis]!]);
    return given(self.view(reshaped([...self.shape.slice(0, axis), ...sizes, ...self.shape.slice(axis + 1)])));
  }),
  operator("squeeze(Tensor self) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(
      squeezed(
        self,
        self.dimensions.map((_, at) => at),
      ),
    );
  }),
  operator("squeeze.dim(Tensor self, int dim) -> Tensor", (call) =>
    given(squeezed(call.torch("self"), [call.int("dim")])),
  ),
  operator("squeeze.dims(Tensor self, int[] dim) -> Tensor", (call) =>
    given(squeezed(call.torch("self"), call.ints("dim"))),
  ),
  operator("unsqueeze(Tensor self, int dim) -> Tensor", (call) => {
    const self = call.torch("self");
    const axis = call.axis("dim", self.rank + 1);
    return given(self.view(reshaped([...self.dimensions.slice(0, axis), 1, ...self.dimensions.slice(axis)])));
  }),
  operator("permute(Tensor self, int[] dims) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(self.view(permuted(call.ints("dims").map((axis) => axisOf(axis, self.rank)))));
  }),
  operator("transpose.int(Tensor self, int dim0, int dim1) -> Tensor", (call) =>
    given(transposed(call.torch("self"), call.int("dim0"), call.int("dim1"))),
  ),
  operator("t(Tensor self) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(self.rank < 2 ? self : transposed(self, 0, 1));
  }),
  operator("numpy_T(Tensor self) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(self.view(permuted(self.dimensions.map((_, at) => self.rank - 1 - at))));
  }),
  operator("select.int(Tensor self, int dim, int index) -> Tensor", (call) =>
    given(select(call.torch("self"), call.int("dim"), call.int("index"))),
  ),
  operator("select.run(Tensor self, int dim, RunInt index) -> Tensor", (call) => given(selectedByRun(call))),
  operator("slice.Tensor(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor", (call) =>
    given(slice(call)),
  ),
  operator("narrow(Tensor self, int dim, int start, int length) -> Tensor", (call) => {
    const self = call.torch("self");
    const axis = call.axis("dim", self.rank);
    const size = self.shape[axis]!;
    const from = call.int("start") < 0 ? call.int("start") + size : call.int("start");
    return given(self.view(sliced(axis, from, from + call.int("length"), 1)));
  }),
  operator("expand(Tensor self, Size[] size, *, bool implicit=False) -> Tensor", (call) => given(expanded(call))),
  operator("expand_as(Tensor self, Tensor other) -> Tensor", (call) => {
    const { dimensions: shape } = call.torch("other");
    return given(call.torch("self").view(readOnly("expand_as", (whole) => whole.broadcastTo(shape))));
  }),
  operator("chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunked),
  operator("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", chunked),
  operator("split.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]", split),
  operator("split(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split),
  operator("split.sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split),
  operator("split_with_sizes(Tensor self, int[] split_size, int dim=0) -> Tensor[]", split),
  operator("unsafe_split.Tensor(Tensor self, int split_size, int dim=0) -> Tensor[]", split),
  operator("unbind.int(Tensor self, int dim=0) -> Tensor[]", (call) => {
    const self = call.torch("self");
    const axis = call.axis("dim", self.rank);
    return given(Array.from({ length: self.shape[axis]! }, (_, at) => select(self, axis, at)));
  }),
  operator("detach(Tensor self) -> Tensor", (call) => given(call.torch("self"))),
  operator("contiguous(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", (call) =>
    given(call.torch("self")),
  ),
  operator("diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", (call) => given(diagonal(call))),
  operator("linalg_diagonal(Tensor self, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", (call) =>
    given(diagonal(call)),
  ),
  operator("as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", (call) =>
    given(strided(call)),
  ),
  ...["view_as", "reshape_as"].map((name) =>
    operator(`${name}(Tensor self, Tensor other) -> Tensor`, (call) =>
      given(call.torch("self").view(reshaped(call.torch("other").dimensions))),
    ),
  ),
  operator("ravel(Tensor self) -> Tensor", (call) => {
    const self = call.torch("self");
    return given(self.view(reshaped([countOf(self.shape)])));
  }),
  ...(["swapaxes(Tensor self, int axis0, int axis1)", "swapdims(Tensor self, int dim0, int dim1)"] as const).map(
    (schema) =>
      operator(`${schema} -> Tensor`, (call) => {
        const [one, other] = schema.startsWith("swapaxes") ? ["axis0", "axis1"] : ["dim0", "dim1"];
        return given(transposed(call.torch("self"), call.int(one!), call.int(other!)));
      }),
  ),
  ...["movedim", "moveaxis"].flatMap((name) =>
    ["int source, int destination", "int[] source, int[] destination"].map((types) =>
      operator(`${name}.${types.startsWith("int[]") ? "intlist" : "int"}(Tensor self, ${types}) -> Tensor`, (call) =>
        given(movedDims(call.torch("self"), call.ints("source"), call.ints("destination"))),
      ),
    ),
  ),
  ...["mT", "matrix_H", "adjoint"].map((name) =>
    operator(`${name}(Tensor self) -> Tensor`, (call) => given(transposed(call.torch("self"), -2, -1))),
  ),
  operator("broadcast_to(Tensor self, Size[] size) -> Tensor", (call) => given(expanded(call))),
  operator("tensor_split.sections(Tensor self, int sections, int dim=0) -> Tensor[]", (call) => {
    const self = call.torch("self");
    return given(splitEvenly(self, call.axis("dim", self.rank), call.int("sections")));
  }),
  operator("tensor_split.indices(Tensor self, int[] indices, int dim=0) -> Tensor[]", (call) => {
    const self = call.torch("self");
    return given(splitAt(self, call.axis("dim", self.rank), call.ints("indices")));
  }),
  ...["hsplit", "vsplit", "dsplit"].flatMap((name) => [
    operator(`${name}.int(Tensor self, int sections) -> Tensor[]`, (call) => {
      const self = call.torch("self");
      return given(splitEvenly(self, splitAxis(name, self.rank), call.int("sections")));
    }),
    operator(`${name}.array(Tensor self, int[] indices) -> Tensor[]`, (call) => {
      const self = call.torch("self");
      return given(splitAt(self, splitAxis(name, self.rank), call.ints("indices")));
    }),
  ]),
];
