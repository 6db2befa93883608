// PyTorch's operators that make tensors by a rule, or arrange the elements and the dimensions of others.
import type { Dtype } from "../../../../kernels/index.ts";
import { einsum } from "../../../capture/einsum.ts";
import { concat, constant, full, iota, type Tensor } from "../../../capture/tensor.ts";
import { asTensor, axisOf, cast, isScalar, type TorchCall, unsupportedTorch } from "../call.ts";
import { TorchTensor } from "../values.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { broadcastShape } from "./positions.ts";

const options = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None";

function rolled(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const shifts = call.ints("shifts");
  const axes = call.ints("dims").map((axis) => axisOf(axis, x.shape.length));
  if (axes.length === 0) return x.flatten().roll(shifts[0]!, 0).reshape(x.shape);
  return x.roll(shifts, axes);
}

/** Coordinates of a grid, a tensor for each dimension. */
function grids(call: TorchCall): TorchResult {
  const all = call.tensors("tensors");
  const isByColumns = call.text("indexing") === "xy" && all.length > 1;
  const order = all.map((_, at) => (isByColumns && at < 2 ? 1 - at : at));
  const shape = order.map((at) => all[at]!.shape[0] ?? 1);
  return all.map((each, at) => {
    const place = order.indexOf(at);
    return each.reshape(shape.map((size, d) => (d === place ? size : 1))).broadcastTo(shape);
  });
}

/** Numbers from a start to an end, both among them. */
function spaced(call: TorchCall, of: (value: number) => number): Tensor {
  const [start, end, steps] = [call.float("start"), call.float("end"), call.int("steps")];
  const step = steps > 1 ? (end - start) / (steps - 1) : 0;
  // From both ends, so that the last number is the end itself.
  const at = (index: number) => (index < steps / 2 ? start + step * index : end - step * (steps - 1 - index));
  const dtype = call.dtype("dtype", "f32");
  const numbers = Array.from({ length: steps }, (_, index) => of(at(index)));
  return constant(dtype.startsWith("f") || dtype === "bf16" ? numbers : numbers.map(Math.trunc), dtype, [steps]);
}

/** A quarter turn, so many times. */
function turned(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const [a, b] = call.ints("dims").map((axis) => axisOf(axis, x.shape.length)) as [number, number];
  switch (((call.int("k") % 4) + 4) % 4) {
    case 1:
      return x.flip([b]).transpose(a, b);
    case 2:
      return x.flip([a, b]);
    case 3:
      return x.transpose(a, b).flip([b]);
    default:
      return x;
  }
}

/** A vector on a diagonal of zeros, of the last two dimensions that become dim1 and dim2. */
function diagonalOf(x: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const count = x.shape.at(-1)! + Math.abs(offset);
  const rank = x.shape.length + 1;
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  const places = Array.from({ length: x.shape.at(-1)! }, (_, at) => (at + row) * count + at + column);
  const lead = x.shape.slice(0, -1);
  const flat = (full(x.dtype, [...lead, count * count], 0) as Tensor).indexCopy(
    lead.length,
    constant(places, "i64", [places.length]),
    x,
  );
  const whole = flat.reshape([...lead, count, count]);
  const order: number[] = new Array(rank);
  let next = 0;
  for (let at = 0; at < rank; at++) order[at] = at === dim1 ? rank - 2 : at === dim2 ? rank - 1 : next++;
  return whole.permute(order);
}

function diag(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const offset = call.int("diagonal");
  if (x.shape.length === 1) return diagonalOf(x, offset, 0, 1);
  const [rows, columns] = x.shape as [number, number];
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  const count = Math.max(0, Math.min(rows - row, columns - column));
  const places = Array.from({ length: count }, (_, at) => (at + row) * columns + at + column);
  return x.flatten().indexSelect(0, constant(places, "i64", [count]));
}

/** Matrices along a diagonal. */
function blocks(call: TorchCall): Tensor {
  const all = call
    .tensors("tensors")
    .map((each) => (each.shape.length === 2 ? each : each.reshape([1, each.shape[0] ?? 1])));
  const width = all.reduce((sum, each) => sum + each.shape[1]!, 0);
  let before = 0;
  const rows = all.map((each) => {
    const own = each.shape[1]!;
    before += own;
    return each.pad([0, before - own], [0, width - before]);
  });
  return concat(rows, 0);
}

/** Products summed over dimensions of both. */
function tensordot(call: TorchCall): Tensor {
  const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  const [own, others] = [
    call.ints("dims_self").map((axis) => axisOf(axis, a.shape.length)),
    call.ints("dims_other").map((axis) => axisOf(axis, b.shape.length)),
  ];
  const rest = (x: Tensor, axes: readonly number[]) => x.shape.map((_, at) => at).filter((at) => !axes.includes(at));
  const [left, right] = [rest(a, own), rest(b, others)];
  const count = own.reduce((product, axis) => product * a.shape[axis]!, 1);
  const sizes = (x: Tensor, axes: readonly number[]) => axes.map((axis) => x.shape[axis]!);
  const [rows, columns] = [sizes(a, left), sizes(b, right)];
  const product = (values: readonly number[]) => values.reduce((x, y) => x * y, 1);
  const matrix = a.permute([...left, ...own]).reshape([product(rows), count]);
  const other = b.permute([...others, ...right]).reshape([count, product(columns)]);
  return matrix.matmul(other).reshape([...rows, ...columns]);
}

function kronecker(call: TorchCall): Tensor {
  const [first, second] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  const rank = Math.max(first.shape.length, second.shape.length);
  const grown = (x: Tensor) => [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape];
  const [a, b] = [grown(first), grown(second)];
  const left = first.reshape(a.flatMap((size) => [size, 1]));
  const right = second.reshape(b.flatMap((size) => [1, size]));
  return left.mul(right).reshape(a.map((size, at) => size * b[at]!));
}

/** Tensors of one dimension at least, and more where asked. */
const atLeast = (x: Tensor, rank: 1 | 2 | 3): Tensor => {
  const { shape } = x;
  if (shape.length >= rank) return x;
  if (rank === 1) return x.reshape([1]);
  if (rank === 2) return x.reshape(shape.length === 0 ? [1, 1] : [1, ...shape]);
  return x.reshape(shape.length === 2 ? [...shape, 1] : [1, shape[0] ?? 1, 1]);
};

const stacks = (
  [
    ["hstack", 1, (rank: number) => (rank === 1 ? 0 : 1)],
    ["vstack", 2, () => 0],
    ["dstack", 3, () => 2],
    ["row_stack", 2, () => 0],
  ] as const
).map(([name, rank, axis]) =>
  operator(`${name}(Tensor[] tensors) -> Tensor`, (call) => {
    const all = call.tensors("tensors").map((each) => atLeast(each, rank));
    return concat(all, axis(all[0]!.shape.length));
  }),
);

/** A value in the place of a part of a tensor. */
function withPart(
  self: Tensor,
  axis: number,
  [start, end, step]: readonly [number, number, number],
  part: Tensor,
): Tensor {
  const count = Math.max(0, Math.ceil((end - start) / step));
  const places = Array.from({ length: count }, (_, at) => start + at * step);
  const shape = self.shape.map((size, at) => (at === axis ? count : size));
  return self.indexCopy(axis, constant(places, "i64", [count]), cast(part, self.dtype).broadcastTo(shape));
}

function sliceScattered(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const axis = call.axis("dim", self.shape.length);
  const size = self.shape[axis]!;
  const bound = (name: string, otherwise: number): number => {
    if (!call.has(name)) return otherwise;
    const value = Number(call.value(name));
    return Math.min(Math.max(value < 0 ? value + size : value, 0), size);
  };
  return withPart(self, axis, [bound("start", 0), bound("end", size), call.int("step")], call.tensor("src"));
}

function selectScattered(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const axis = call.axis("dim", self.shape.length);
  const index = call.int("index") < 0 ? call.int("index") + self.shape[axis]! : call.int("index");
  return withPart(self, axis, [index, index + 1, 1], call.tensor("src").unsqueeze(axis));
}

function diagonalScattered(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const rank = self.shape.length;
  const [one, other] = [call.axis("dim1", rank), call.axis("dim2", rank)];
  const rest = self.shape.map((_, at) => at).filter((at) => at !== one && at !== other);
  const order = [...rest, one, other];
  const moved = self.permute(order);
  const { shape } = moved;
  const [rows, columns] = shape.slice(-2) as [number, number];
  const offset = call.int("offset");
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  const count = Math.max(0, Math.min(rows - row, columns - column));
  const places = Array.from({ length: count }, (_, at) => (at + row) * columns + at + column);
  const flat = moved.reshape([...shape.slice(0, -2), rows * columns]);
  const put = flat.indexCopy(rest.length, constant(places, "i64", [count]), cast(call.tensor("src"), self.dtype));
  return put.reshape(shape).permute(order.map((_, at) => order.indexOf(at)));
}

/** All triples, pairs, … of elements of vectors, a row for each. */
function cartesian(call: TorchCall): Tensor {
  const all = call.tensors("tensors");
  if (all.length === 1) return all[0]!;
  const shape = all.map((each) => each.shape[0]!);
  const columns = all.map((each, at) =>
    each
      .reshape(shape.map((size, d) => (d === at ? size : 1)))
      .broadcastTo(shape)
      .flatten()
      .unsqueeze(1),
  );
  return concat(columns, 1);
}

const random = (name: string, schema: string): TorchOperator =>
  operator(`${name}(${schema}) -> Tensor`, () => {
    throw unsupportedTorch(`${name} draws numbers`, "give the random numbers as an input");
  });

const filled = (name: string, schema: string, dtype: (call: TorchCall) => Dtype): TorchOperator =>
  operator(`${name}(${schema}) -> Tensor`, (call) => {
    const shape = call.has("size") ? call.ints("size") : call.tensor("self").shape;
    const value = call.value("fill_value");
    return asTensor(isScalar(value) || value instanceof TorchTensor ? value : 0n, dtype(call)).broadcastTo(shape);
  });

const ownDtype = (call: TorchCall): Dtype => call.dtype("dtype", call.torch("self").dtype);

export const arrangements: readonly TorchOperator[] = [
  operator("roll(Tensor self, int[1] shifts, int[1] dims=[]) -> Tensor", rolled),
  operator("meshgrid(Tensor[] tensors) -> Tensor[]", grids),
  operator("meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]", grids),
  operator("cartesian_prod(Tensor[] tensors) -> Tensor", cartesian),
  operator("broadcast_tensors(Tensor[] tensors) -> Tensor[]", (call) => {
    const all = call.torches("tensors");
    const shape = broadcastShape(...all.map((each) => each.shape));
    return all.map((each) => each.read().broadcastTo(shape));
  }),
  operator(`linspace(Scalar start, Scalar end, int steps, *, ${options}) -> Tensor`, (call) =>
    spaced(call, (value) => value),
  ),
  operator(`logspace(Scalar start, Scalar end, int steps, float base=10.0, *, ${options}) -> Tensor`, (call) =>
    spaced(call, (value) => call.float("base") ** value),
  ),
  operator(`eye.m(int n, int m, *, ${options}) -> Tensor`, (call) => {
    const shape = [call.int("n"), call.int("m")];
    return cast(iota("i64", shape, 0).equal(iota("i64", shape, 1)), call.dtype("dtype", "f32"));
  }),
  filled("empty.memory_format", `int[] size, *, ${options}, MemoryFormat? memory_format=None`, (call) =>
    call.dtype("dtype", "f32"),
  ),
  filled("empty_strided", `int[] size, int[] stride, *, ${options}`, (call) => call.dtype("dtype", "f32")),
  filled("empty_permuted", `int[] size, int[] physical_layout, *, ${options}`, (call) => call.dtype("dtype", "f32")),
  filled("empty_like", `Tensor self, *, ${options}, MemoryFormat? memory_format=None`, ownDtype),
  filled("new_empty", `Tensor self, int[] size, *, ${options}`, ownDtype),
  filled("new_empty_strided", `Tensor self, int[] size, int[] stride, *, ${options}`, ownDtype),
  filled("new_full", `Tensor self, int[] size, Scalar fill_value, *, ${options}`, ownDtype),
  operator("tile(Tensor self, int[] dims) -> Tensor", (call) => call.tensor("self").tile(call.ints("dims"))),
  operator("rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor", turned),
  operator("fliplr(Tensor self) -> Tensor", (call) => call.tensor("self").flip([1])),
  operator("flipud(Tensor self) -> Tensor", (call) => call.tensor("self").flip([0])),
  operator("diag(Tensor self, int diagonal=0) -> Tensor", diag),
  operator("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", (call) => {
    const x = call.tensor("self");
    const rank = x.shape.length + 1;
    return diagonalOf(x, call.int("offset"), axisOf(call.int("dim1"), rank), axisOf(call.int("dim2"), rank));
  }),
  operator("block_diag(Tensor[] tensors) -> Tensor", blocks),
  ...stacks,
  operator("column_stack(Tensor[] tensors) -> Tensor", (call) =>
    concat(
      call.tensors("tensors").map((each) => (each.shape.length < 2 ? each.reshape([each.shape[0] ?? 1, 1]) : each)),
      1,
    ),
  ),
  operator("einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor", (call) =>
    einsum(call.text("equation").replaceAll(" ", ""), ...call.tensors("tensors")),
  ),
  operator("tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor", tensordot),
  operator("kron(Tensor self, Tensor other) -> Tensor", kronecker),
  operator(
    "slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
    sliceScattered,
  ),
  operator("select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor", selectScattered),
  operator(
    "diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
    diagonalScattered,
  ),
  operator("vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", (call) => {
    const x = call.tensor("x");
    const count = call.has("N") ? call.int("N") : x.shape[0]!;
    const powers = Array.from({ length: count }, (_, at) => (call.flag("increasing") ? at : count - 1 - at));
    const column = (power: number): Tensor =>
      Array.from({ length: power })
        .reduce<Tensor>((y) => y.mul(x), full(x.dtype, x.shape, 1))
        .unsqueeze(1);
    return concat(powers.map(column), 1);
  }),
  random("rand", `int[] size, *, ${options}`),
  random("randn", `int[] size, *, ${options}`),
  random("rand_like", `Tensor self, *, ${options}, MemoryFormat? memory_format=None`),
  random("randn_like", `Tensor self, *, ${options}, MemoryFormat? memory_format=None`),
  random("randint", `int high, int[] size, *, ${options}`),
  random("randint.low", `int low, int high, int[] size, *, ${options}`),
  random("randint_like", `Tensor self, int high, *, ${options}, MemoryFormat? memory_format=None`),
  random("randperm", `int n, *, ${options}`),
  random("bernoulli", "Tensor self, *, Generator? generator=None"),
  random("bernoulli.p", "Tensor self, float p, *, Generator? generator=None"),
  random("normal", "Tensor self, float mean=0, float std=1, *, Generator? generator=None"),
  random("normal.Tensor_Tensor", "Tensor mean, Tensor std, *, Generator? generator=None"),
  random("uniform", "Tensor self, float from=0, float to=1, *, Generator? generator=None"),
  random("exponential", "Tensor self, float lambd=1, *, Generator? generator=None"),
  random("poisson", "Tensor self, Generator? generator=None"),
  random("multinomial", "Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None"),
  operator("native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)", (call): TorchResult => {
    if (call.flag("train") && call.float("p") > 0)
      throw unsupportedTorch("dropout that drops", "call eval() before the model is saved");
    const x = call.tensor("input");
    return [x, full("bool", x.shape, 1)];
  }),
  ...["alpha_dropout", "feature_dropout", "feature_alpha_dropout"].map((name) =>
    operator(`${name}(Tensor input, float p, bool train) -> Tensor`, (call) => {
      if (call.flag("train") && call.float("p") > 0)
        throw unsupportedTorch(`${name} that drops`, "call eval() before the model is saved");
      return given(call.torch("input"));
    }),
  ),
];
