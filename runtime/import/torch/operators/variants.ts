// Further forms of PyTorch's operators: numbers before tensors, tensors of a dimension at least, and what ATen calls within others.
import {
  concat,
  constant,
  full,
  iota,
  scaledDotProductAttention,
  type Tensor,
  where,
} from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { asTensor, axisOf, cast, type TorchCall, torchMisfit, unsupportedTorch } from "../call.ts";
import { fixedNumbers } from "../known.ts";
import { given, operator, type TorchOperator, type TorchResult } from "./definition.ts";
import { numberOf } from "./primitives.ts";
import { repeatedHeads } from "./transformers.ts";

type Float = Tensor<"f32">;

const options = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None";

/** A number, and a tensor. */
const numberFirst = (name: string, run: (a: Tensor, b: Tensor) => Tensor): TorchOperator =>
  operator(`${name}.Scalar_Tensor(Scalar self, Tensor other) -> Tensor`, (call) =>
    run(...(call.promoted(["self", "other"]) as [Tensor, Tensor])),
  );

type Bits = (a: Tensor<"i32">, b: Tensor<"i32">) => Tensor;
const bits = (run: Bits) => (a: Tensor, b: Tensor) => run(a as Tensor<"i32">, b as Tensor<"i32">);

/** Dimensions of 1 around what has fewer: before, and for a third behind. */
function atLeast(x: Tensor, rank: number): Tensor {
  const { shape } = x;
  if (shape.length >= rank) return x;
  if (rank < 3) return x.reshape([...new Array<number>(rank - shape.length).fill(1), ...shape]);
  return x.reshape(shape.length === 2 ? [...shape, 1] : [1, shape[0] ?? 1, 1]);
}

/** One operator for a tensor, and for a list of them. */
const forEach = (name: string, run: (x: Tensor) => Tensor): readonly TorchOperator[] => [
  operator(`${name}(Tensor self) -> Tensor`, (call) => run(call.tensor("self"))),
  operator(
    `${name}.Sequence(Tensor[] tensors) -> Tensor[]`,
    (call): TorchResult => call.torches("tensors").map((each) => run(each.read())),
  ),
];

/** Whether elements are among others, either of which may be one number. */
const among = (schema: string, names: readonly [string, string]): TorchOperator =>
  operator(`isin.${schema}, *, bool assume_unique=False, bool invert=False) -> Tensor`, (call) => {
    const [x, others] = call.promoted(names) as [Tensor, Tensor];
    const found = x.unsqueeze(x.type.shape.length).equal(others.flatten()).any([x.type.shape.length]);
    return call.flag("invert") ? found.not() : found;
  });

/** Numbers up to an end that is among them, as torch.range. */
function inclusiveRange(call: TorchCall): Tensor {
  const [start, end] = [call.float("start"), call.float("end")];
  const step = call.has("step") ? call.float("step") : 1;
  const count = Math.floor((end - start) / step) + 1;
  const numbers = Array.from({ length: count }, (_, at) => start + at * step);
  return constant(numbers, call.dtype("dtype", "f32"), [count]);
}

/** Summed over the dimensions that broadcasting to this shape would have made. */
function summedTo(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const size = call.ints("size");
  const lead = x.type.shape.length - size.length;
  const axes = x.shape.flatMap((length, at) => (at < lead || (size[at - lead] === 1 && length !== 1) ? [at] : []));
  return axes.length === 0 ? x : x.sum(axes).reshape(size);
}

/** A matrix with one value on its diagonal, and of more dimensions one on that of all. */
function filledDiagonal(call: TorchCall): Tensor {
  const x = call.tensor("self");
  const { shape } = x;
  const [rows, columns] = shape as [number, number];
  const step = shape.reduce((sum, _, at) => sum + countOf(shape.slice(at + 1)), 0);
  const places: number[] = [];
  const end = shape.length === 2 && !call.flag("wrap") ? Math.min(rows, columns) * step : countOf(shape);
  for (let at = 0; at < end && at < countOf(shape); at += step) places.push(at);
  const value = asTensor(call.value("fill_value"), x.dtype).broadcastTo([places.length]);
  return x
    .flatten()
    .indexCopy(0, constant(places, "i64", [places.length]), value)
    .reshape(shape);
}

/** Softmax that gives zeros for a row that nothing may be chosen of. */
function safeSoftmax(call: TorchCall): Tensor {
  const self = call.tensor("self");
  const x = cast(self, call.dtype("dtype", self.dtype)) as Float;
  const axis = call.axis("dim", x.type.shape.length);
  const isEmpty = x.equal(Number.NEGATIVE_INFINITY).all([axis], { keepDims: true });
  return where(isEmpty, constant(0, x.dtype), x.softmax(axis));
}

/** What a kernel of PyTorch's for attention gives, and q·kᵀ·scale + mask, which its other result is made of. */
function attended(call: TorchCall): { readonly y: Tensor; readonly scores: Float } {
  if (call.float("dropout_p") > 0) throw unsupportedTorch("attention that drops out", "call eval() before it is saved");
  const heads = call.tensor("query").shape.at(-3) ?? 1;
  const grouped = (x: Tensor): Tensor => (call.flag("enable_gqa") ? repeatedHeads(x, heads) : x);
  const [q, k, v] = [call.tensor("query"), grouped(call.tensor("key")), grouped(call.tensor("value"))];
  const mask = call.optional("attn_mask");
  const causal = call.flag("is_causal");
  const scale = call.has("scale") ? call.float("scale") : 1 / Math.sqrt(q.shape.at(-1)!);
  const rank = k.shape.length;
  const axes = Array.from({ length: rank }, (_, at) => (at < rank - 2 ? at : 2 * rank - 3 - at));
  const products = q.mul(scale).matmul(k.permute(axes)) as Float;
  const never = constant(Number.NEGATIVE_INFINITY, q.dtype);
  const masked = !mask
    ? products
    : mask.dtype === "bool"
      ? where(mask as Tensor<"bool">, products, never)
      : products.add(mask as Float);
  const [rows, columns] = products.shape.slice(-2) as [number, number];
  const isAfter = constant(
    Array.from({ length: rows * columns }, (_, at) => Number(at % columns > Math.floor(at / columns))),
    "bool",
    [rows, columns],
  );
  return {
    y: scaledDotProductAttention(q, k, v, { causal, scale, ...(mask ? { mask } : {}) }),
    scores: (causal ? where(isAfter, never, masked) : masked) as Float,
  };
}

const heldBy =
  (name: "maximum" | "minimum", bound: string) =>
  (call: TorchCall): Tensor => {
    const [x, edge] = call.promoted(["self", bound]) as [Tensor, Tensor];
    return x[name](edge);
  };

/** So many rows of a layer of sequences, batch by step, packed without what is behind the end of each. */
function packed(call: TorchCall): TorchResult {
  const lengths = fixedNumbers(call.tensor("lengths"))?.map(Number);
  if (!lengths) throw unsupportedTorch("sequences whose lengths only a run knows", "give the lengths as numbers");
  if (lengths.some((each, at) => at > 0 && each > lengths[at - 1]!))
    throw torchMisfit("packed sequences are sorted by their lengths, the longest first");
  const given_ = call.tensor("input");
  const x = call.flag("batch_first") ? given_.transpose(0, 1) : given_;
  const sizes = Array.from({ length: lengths[0] ?? 0 }, (_, step) => lengths.filter((each) => each > step).length);
  const rows = sizes.map((size, step) => x.slice([step, step + 1], [0, size]).squeeze(0));
  return [concat(rows, 0), constant(sizes, "i64", [sizes.length])];
}

/** Packed sequences as a batch again, with a value behind the end of each. */
function unpacked(call: TorchCall): TorchResult {
  const sizes = fixedNumbers(call.tensor("batch_sizes"))?.map(Number);
  if (!sizes) throw unsupportedTorch("sequences whose lengths only a run knows", "give the lengths as numbers");
  const data = call.tensor("data");
  const batch = sizes[0] ?? 0;
  const steps = Math.max(call.int("total_length"), sizes.length);
  const fill = asTensor(call.value("padding_value"), data.dtype);
  let start = 0;
  const rows = Array.from({ length: steps }, (_, step) => {
    const size = sizes[step] ?? 0;
    start += size;
    const own = size === 0 ? [] : [data.slice([start - size, start])];
    const rest = size === batch ? [] : [fill.broadcastTo([batch - size, ...data.shape.slice(1)])];
    return concat([...own, ...rest], 0).unsqueeze(0);
  });
  const whole = concat(rows, 0);
  const lengths = Array.from({ length: batch }, (_, at) => sizes.filter((size) => size > at).length);
  return [call.flag("batch_first") ? whole.transpose(0, 1) : whole, constant(lengths, "i64", [batch])];
}

/** 1 and more for each place, as often as it is counted. */
function repeatedPlaces(call: TorchCall): Tensor {
  const counts = fixedNumbers(call.tensor("repeats"))?.map(Number);
  if (!counts) throw unsupportedTorch("repeat_interleave by counts that are known only while the model runs");
  const places = counts.flatMap((count, at) => new Array<number>(count).fill(at));
  return constant(places, "i64", [places.length]);
}

const stridesOf = (shape: readonly number[]): readonly number[] => shape.map((_, at) => countOf(shape.slice(at + 1)));

export const variants: readonly TorchOperator[] = [
  numberFirst(
    "bitwise_and",
    bits((a, b) => a.bitwiseAnd(b)),
  ),
  numberFirst(
    "bitwise_or",
    bits((a, b) => a.bitwiseOr(b)),
  ),
  numberFirst(
    "bitwise_xor",
    bits((a, b) => a.bitwiseXor(b)),
  ),
  numberFirst(
    "bitwise_left_shift",
    bits((a, b) => a.bitwiseLeftShift(b)),
  ),
  numberFirst(
    "bitwise_right_shift",
    bits((a, b) => a.bitwiseRightShift(b)),
  ),
  numberFirst("remainder", (a, b) => (a as Float).remainder(b as Float)),
  operator("clamp_max.Tensor(Tensor self, Tensor max) -> Tensor", heldBy("minimum", "max")),
  operator("clamp_min.Tensor(Tensor self, Tensor min) -> Tensor", heldBy("maximum", "min")),
  operator("ldexp.Tensor(Tensor self, Tensor other) -> Tensor", (call) => {
    const [x, power] = [call.tensor("self"), call.tensor("other")];
    const dtype = x.dtype === "f64" ? "f64" : "f32";
    return cast(x, dtype).mul((constant(2, dtype) as Tensor).pow(cast(power, dtype)));
  }),
  ...forEach("atleast_1d", (x) => atLeast(x, 1)),
  ...forEach("atleast_2d", (x) => atLeast(x, 2)),
  ...forEach("atleast_3d", (x) => atLeast(x, 3)),
  among("Tensor_Scalar(Tensor elements, Scalar test_element", ["elements", "test_element"]),
  among("Scalar_Tensor(Scalar element, Tensor test_elements", ["element", "test_elements"]),
  operator(`range(Scalar start, Scalar end, *, ${options}) -> Tensor`, inclusiveRange),
  operator(`range.step(Scalar start, Scalar end, Scalar step=1, *, ${options}) -> Tensor`, inclusiveRange),
  operator("sum_to_size(Tensor self, int[] size) -> Tensor", summedTo),
  operator("fill_diagonal(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor", filledDiagonal),
  operator("vdot(Tensor self, Tensor other) -> Tensor", (call) => {
    const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
    return a.mul(b).sum();
  }),
  operator("is_same_size(Tensor self, Tensor other) -> bool", (call) =>
    given(call.torch("self").shape.join() === call.torch("other").shape.join()),
  ),
  operator("_prelu_kernel(Tensor self, Tensor weight) -> Tensor", (call) => {
    const x = call.tensor("self");
    return where(x.greater(0), x, x.mul(call.tensor("weight")));
  }),
  operator("_weight_norm_interface(Tensor v, Tensor g, int dim=0) -> (Tensor, Tensor)", (call): TorchResult => {
    const v = call.tensor("v");
    const axis = axisOf(call.int("dim"), v.type.shape.length);
    const others = v.shape.map((_, at) => at).filter((at) => at !== axis);
    const norm = v.mul(v).sum(others, { keepDims: true }).sqrt();
    return [v.mul(call.tensor("g").div(norm)), norm];
  }),
  operator("_safe_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", safeSoftmax),
  operator(
    "_scaled_dot_product_flash_attention_for_cpu(Tensor query, Tensor key, Tensor value, float dropout_p=0.0, bool is_causal=False, *, Tensor? attn_mask=None, float? scale=None) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const { y, scores } = attended(call);
      return [y, scores.logSumExp([-1])];
    },
  ),
  operator(
    "_scaled_dot_product_attention_math(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0.0, bool is_causal=False, Tensor? dropout_mask=None, *, float? scale=None, bool enable_gqa=False) -> (Tensor, Tensor)",
    (call): TorchResult => {
      const { y, scores } = attended(call);
      return [y, scores.softmax(-1)];
    },
  ),
  operator("log_sigmoid_forward(Tensor self) -> (Tensor, Tensor)", (call): TorchResult => {
    const x = call.tensor("self");
    const buffer = x.abs().neg().exp();
    return [x.minimum(0).sub(buffer.log1p()), buffer];
  }),
  operator("repeat_interleave.Tensor(Tensor repeats, *, int? output_size=None) -> Tensor", repeatedPlaces),
  operator("_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)", packed),
  operator(
    "_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)",
    unpacked,
  ),
  operator("_local_scalar_dense(Tensor self) -> Scalar", (call) => given(numberOf(call.torch("self")))),
  operator("sym_stride.int(Tensor self, int dim) -> int", (call) => {
    const { shape } = call.torch("self");
    return given(BigInt(stridesOf(shape)[call.axis("dim", shape.length)]!));
  }),
  // Every tensor lies in memory of its own, row by row.
  operator("sym_storage_offset(Tensor self) -> int", () => given(0n)),
  operator("nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor", (call) => {
    const x = call.tensor("self");
    const [size, fill] = [call.int("size"), call.int("fill_value")];
    const count = countOf(x.shape);
    const isSet = x.flatten().notEqual(0) as Tensor<"bool">;
    const place = isSet.cast("i64").cumsum(0).sub(1);
    const rows = iota("i64", [count], 0);
    // What is behind the last row that is wanted goes to one more, which is cut off.
    const to = where(isSet.and(place.less(size)), place, constant(size, "i64"));
    const flat = full("i64", [size + 1], -1)
      .scatter(0, to, rows)
      .slice([0, size]);
    const columns = x.shape.map((length, at) =>
      where(flat.less(0), constant(fill, "i64"), flat.floorDivide(countOf(x.shape.slice(at + 1))).remainder(length)),
    );
    return concat(
      columns.map((each) => each.unsqueeze(1)),
      1,
    );
  }),
];
