// PyTorch's operators that make tensors, join them, and move or reduce their elements.
import type { Dtype } from "../../../../kernels/index.ts";
import { concat, constant, full, iota, stack, type Tensor, where } from "../../../capture/tensor.ts";
import type { Shape } from "../../../graph/tensor-type.ts";
import { asTensor, cast, isScalar, itemsOfTorch, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { floatType, resultType } from "../promotion.ts";
import { withSizes } from "../sizes.ts";
import { kindOfTorch, TorchNumber, type TorchValue } from "../values.ts";
import { given, operator, shapeOf, type TorchOperator, type TorchResult } from "./definition.ts";

const options = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None";
const likeOptions = `${options}, MemoryFormat? memory_format=None`;

/** A tensor whose elements are all the same. */
const same = (dtype: Dtype, shape: Shape, value: number): Tensor => full(dtype, shape, value);

/** The same, of sizes that a run may decide. */
const sized = (call: TorchCall, dtype: Dtype, value: number): Tensor =>
  withSizes(call.sizes("size"), call.atMost, (shape) => same(dtype, shape, value));

const filledLike = (name: string, value: number): TorchOperator =>
  operator(`${name}_like(Tensor self, *, ${likeOptions}) -> Tensor`, (call) => {
    const self = call.tensor("self");
    return same(call.dtype("dtype", self.type.dtype), self.type.shape, value);
  });

/** The numbers of nested lists, and their shape. */
function nested(value: TorchValue): {
  readonly numbers: readonly (bigint | number | boolean)[];
  readonly shape: readonly number[];
} {
  const items = itemsOfTorch(value);
  if (!items) {
    if (isScalar(value)) return { numbers: [value], shape: [] };
    throw torchMisfit(`a tensor cannot be made of ${kindOfTorch(value)}`);
  }
  const parts = items.map(nested);
  return { numbers: parts.flatMap(({ numbers }) => numbers), shape: [items.length, ...(parts[0]?.shape ?? [])] };
}

/** A tensor of numbers that are known. */
function made(call: TorchCall): Tensor {
  const { numbers, shape } = nested(call.value("data"));
  const dtype = call.dtype("dtype", numbers.length === 0 ? "f32" : resultType([...numbers]));
  return constant(numbers.map(Number), dtype, shape);
}

function arange(call: TorchCall): Tensor {
  const names = ["start", "end", "step"].filter((name) => call.has(name));
  const dtype = call.dtype("dtype", resultType(names.map((name) => call.value(name))));
  const [start, step] = [call.has("start") ? call.float("start") : 0, call.has("step") ? call.float("step") : 1];
  const count = Math.max(0, Math.ceil((call.float("end") - start) / step));
  if (count > 2 ** 24) throw unsupportedTorch(`arange gives ${count} elements`);
  return constant(
    Array.from({ length: count }, (_, at) => start + at * step),
    dtype,
    [count],
  );
}

/** The axes of a reduction: those that are given, or all. */
function axesOf(call: TorchCall, x: Tensor, name = "dim"): readonly number[] {
  const all = shapeOf(x).map((_, at) => at);
  if (!call.has(name)) return all;
  const axes = call.ints(name).map((axis) => (axis < 0 ? axis + shapeOf(x).length : axis));
  return axes.length === 0 ? all : axes;
}

const keep = (call: TorchCall) => ({ keepDims: call.flag("keepdim") });

const summed = (call: TorchCall): Tensor => {
  const self = call.tensor("self");
  const isFloat = floatType(self.type.dtype) === self.type.dtype;
  const x = cast(self, call.dtype("dtype", isFloat ? self.type.dtype : "i64"));
  return x.sum(axesOf(call, x), keep(call));
};

const averaged = (call: TorchCall): Tensor => {
  const self = call.tensor("self");
  const x = cast(self, call.dtype("dtype", self.type.dtype)) as Tensor<"f32">;
  return x.mean(axesOf(call, x), keep(call));
};

/** The largest or smallest along an axis, and where it is. */
const extreme = (name: "max" | "min"): readonly TorchOperator[] => [
  operator(`${name}(Tensor self) -> Tensor`, (call) => call.tensor("self")[name]()),
  operator(`${name}.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor, Tensor)`, (call): TorchResult => {
    const x = call.tensor("self");
    const axis = call.axis("dim", shapeOf(x).length);
    const places = name === "max" ? x.argmax(axis) : x.argmin(axis);
    const indices = call.flag("keepdim") ? places.unsqueeze(axis) : places;
    return [x[name]([axis], keep(call)), indices];
  }),
  operator(`a${name}(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor`, (call) => {
    const x = call.tensor("self");
    return x[name](axesOf(call, x), keep(call));
  }),
  operator(`arg${name}(Tensor self, int? dim=None, bool keepdim=False) -> Tensor`, (call) => {
    const self = call.tensor("self");
    const x = call.has("dim") ? self : self.flatten();
    const axis = call.has("dim") ? call.axis("dim", shapeOf(x).length) : 0;
    const places = name === "max" ? x.argmax(axis) : x.argmin(axis);
    return call.has("dim") && call.flag("keepdim") ? places.unsqueeze(axis) : places;
  }),
];

const decided = (name: "any" | "all"): readonly TorchOperator[] => {
  const run = (call: TorchCall) => {
    const x = cast(call.tensor("self"), "bool") as Tensor<"bool">;
    return x[name](axesOf(call, x), keep(call));
  };
  return [
    operator(`${name}(Tensor self) -> Tensor`, run),
    operator(`${name}.dim(Tensor self, int dim, bool keepdim=False) -> Tensor`, run),
  ];
};

/** To another dtype; devices and formats are all the same here. */
function converted(call: TorchCall): TorchResult {
  const self = call.torch("self");
  const dtype = call.has("other") ? call.torch("other").dtype : call.dtype("dtype", self.dtype);
  return dtype === self.dtype && !call.flag("copy") ? given(self) : cast(self.read(), dtype);
}

function repeated(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const repeats = call.ints("repeats");
  const shape = [...new Array<number>(repeats.length - shapeOf(self).length).fill(1), ...shapeOf(self)];
  return self.reshape(shape).tile(repeats);
}

function padded(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const pad = call.ints("pad");
  const rank = shapeOf(self).length;
  const [before, after] = [new Array<number>(rank).fill(0), new Array<number>(rank).fill(0)];
  for (let at = 0; at * 2 < pad.length; at++) {
    before[rank - 1 - at] = pad[at * 2]!;
    after[rank - 1 - at] = pad[at * 2 + 1]!;
  }
  const mode = call.text("mode") || "constant";
  const value = call.has("value") ? call.float("value") : 0;
  const known = { constant: "constant", reflect: "reflect", replicate: "replicate", circular: "circular" } as const;
  if (!Object.hasOwn(known, mode)) throw unsupportedTorch(`padding of mode "${mode}"`);
  return self.pad(before, after, {
    mode: known[mode as keyof typeof known],
    ...(mode === "constant" ? { value } : {}),
  });
}

const triangle = (name: "tril" | "triu"): TorchOperator =>
  operator(`${name}(Tensor self, int diagonal=0) -> Tensor`, (call) => call.tensor("self")[name](call.int("diagonal")));

/** Windows of a dimension, as a dimension of their own at the end. */
function unfolded(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const axis = call.axis("dimension", shapeOf(self).length);
  const [size, step] = [call.int("size"), call.int("step")];
  const count = Math.floor((shapeOf(self)[axis]! - size) / step) + 1;
  const positions = Array.from({ length: count * size }, (_, at) => Math.floor(at / size) * step + (at % size));
  const taken = self.indexSelect(axis, constant(positions, "i64", [positions.length]));
  const shape = [...shapeOf(self).slice(0, axis), count, size, ...shapeOf(self).slice(axis + 1)];
  const rank = shape.length;
  const order = [...Array.from({ length: rank }, (_, at) => at).filter((at) => at !== axis + 1), axis + 1];
  return taken.reshape(shape).permute(order);
}

const variances = (name: "var" | "std"): readonly TorchOperator[] => {
  const run = (call: TorchCall, unbiased: boolean) => {
    const x = call.tensor("self") as Tensor<"f32">;
    const method = name === "var" ? "variance" : "std";
    return x[method](axesOf(call, x), { ...keep(call), correction: unbiased ? 1 : 0 });
  };
  return [
    operator(`${name}(Tensor self, bool unbiased=True) -> Tensor`, (call) => run(call, call.flag("unbiased"))),
    operator(`${name}.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor`, (call) =>
      run(call, call.flag("unbiased")),
    ),
  ];
};

export const tensors: readonly TorchOperator[] = [
  operator(`zeros(Size[] size, *, ${options}) -> Tensor`, (call) => sized(call, call.dtype("dtype", "f32"), 0)),
  operator(`ones(Size[] size, *, ${options}) -> Tensor`, (call) => sized(call, call.dtype("dtype", "f32"), 1)),
  operator(`full(Size[] size, Scalar fill_value, *, ${options}) -> Tensor`, (call) =>
    sized(call, call.dtype("dtype", resultType([call.value("fill_value")])), call.float("fill_value")),
  ),
  filledLike("zeros", 0),
  filledLike("ones", 1),
  operator(`full_like(Tensor self, Scalar fill_value, *, ${likeOptions}) -> Tensor`, (call) => {
    const self = call.tensor("self");
    return same(call.dtype("dtype", self.type.dtype), self.type.shape, call.float("fill_value"));
  }),
  ...(["zeros", "ones"] as const).map((name) =>
    operator(`new_${name}(Tensor self, Size[] size, *, ${options}) -> Tensor`, (call) =>
      sized(call, call.dtype("dtype", call.torch("self").dtype), name === "ones" ? 1 : 0),
    ),
  ),
  operator(`eye(int n, *, ${options}) -> Tensor`, (call) => {
    const n = call.int("n");
    const identity = Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : 0));
    return constant(identity, call.dtype("dtype", "f32"), [n, n]);
  }),
  operator(
    "tensor(Any data, *, ScalarType? dtype=None, Device? device=None, bool requires_grad=False) -> Tensor",
    made,
  ),
  operator(`scalar_tensor(Scalar data, *, ${options}) -> Tensor`, made),
  operator(`arange(Scalar end, *, ${options}) -> Tensor`, (call) => {
    const end = call.value("end");
    if (!(end instanceof TorchNumber && end.kind === "int")) return arange(call);
    const dtype = call.dtype("dtype", "i64");
    return withSizes([end], call.atMost, (shape) => cast(iota("i64", shape), dtype));
  }),
  operator(`arange.start(Scalar start, Scalar end, *, ${options}) -> Tensor`, arange),
  operator(`arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ${options}) -> Tensor`, arange),
  operator("cat(Tensor[] tensors, int dim=0) -> Tensor", (call) => {
    const all = call.tensors("tensors");
    return concat(all, call.axis("dim", shapeOf(all[0]!).length));
  }),
  operator("stack(Tensor[] tensors, int dim=0) -> Tensor", (call) => {
    const all = call.tensors("tensors");
    return stack(all, call.axis("dim", shapeOf(all[0]!).length + 1));
  }),
  operator("clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", (call) => call.tensor("self")),
  operator(
    "to.dtype(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor",
    converted,
  ),
  operator(
    "to.device(Tensor self, Device device, ScalarType dtype, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor",
    converted,
  ),
  operator(
    "to.other(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor",
    converted,
  ),
  operator(
    "to.dtype_layout(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, bool copy=False, MemoryFormat? memory_format=None) -> Tensor",
    converted,
  ),
  operator(
    "_to_copy(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool non_blocking=False, MemoryFormat? memory_format=None) -> Tensor",
    (call) => {
      const self = call.tensor("self");
      return cast(self, call.dtype("dtype", self.type.dtype));
    },
  ),
  operator("type_as(Tensor self, Tensor other) -> Tensor", converted),
  operator("repeat(Tensor self, int[] repeats) -> Tensor", repeated),
  operator('pad(Tensor self, int[] pad, str mode="constant", float? value=None) -> Tensor', padded),
  operator("constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor", padded),
  operator("flip(Tensor self, int[] dims) -> Tensor", (call) => {
    const self = call.tensor("self");
    return self.flip(call.ints("dims").map((axis) => (axis < 0 ? axis + shapeOf(self).length : axis)));
  }),
  operator("sum(Tensor self, *, ScalarType? dtype=None) -> Tensor", summed),
  operator(
    "sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
    summed,
  ),
  operator("mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", averaged),
  operator("mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", averaged),
  ...extreme("max"),
  ...extreme("min"),
  ...decided("any"),
  ...decided("all"),
  ...variances("var"),
  ...variances("std"),
  triangle("tril"),
  triangle("triu"),
  operator("trace(Tensor self) -> Tensor", (call) => {
    const self = call.tensor("self");
    const [rows, columns] = shapeOf(self) as [number, number];
    const mask = iota("i64", [rows, columns], 0).equal(iota("i64", [rows, columns], 1));
    return where(mask, self, asTensor(0n, self.type.dtype)).sum();
  }),
  operator("unfold(Tensor self, int dimension, int size, int step) -> Tensor", unfolded),
  operator("outer(Tensor self, Tensor vec2) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "vec2"]) as [Tensor, Tensor];
    return a.unsqueeze(1).mul(b.unsqueeze(0));
  }),
];
