// onnxruntime's own operators (com.microsoft) on quantised numbers, as its quantiser and its optimiser write them.
import { isFloatDtype } from "../../../../kernels/index.ts";
import { dequantize } from "../../../capture/quantization.ts";
import { concat, constant, type Tensor, where } from "../../../capture/tensor.ts";
import { type Call, constantOf, type Definition, type Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { elementsOf } from "../known-values.ts";
import { allAxes, asMatrix, axesOf, axisOf, withAxisAt } from "./axes.ts";
import { activations, castTo } from "./elementwise.ts";
import { networks } from "./networks.ts";
import { byteProduct, quantization, quantized, quantizedDynamically } from "./quantization.ts";

const scalarOf = (x: Tensor): Tensor => x.reshape([]);

/** Operands number `at`, `at` + 1 and `at` + 2: integers, their scale, and their zero point, which may be left out. */
function numbersOf(call: Call, at: number): Tensor {
  const zero = call.optional(at + 2);
  return dequantize(
    call.tensor(at) as Tensor<"u8">,
    scalarOf(call.tensor(at + 1)) as Tensor<"f32">,
    zero ? (scalarOf(zero) as Tensor<"u8">) : 0,
  ) as Tensor;
}

/** Numbers as integers again, whose scale and zero point are operands number `at` and `at` + 1. */
function roundedBy(call: Call, at: number, x: Tensor, like: Tensor): Tensor {
  const zero = call.optional(at + 1);
  return quantized(x, scalarOf(call.tensor(at)), zero && scalarOf(zero), zero?.dtype ?? like.dtype);
}

/** An operator on numbers, of one quantised operand. */
const unary =
  (of: (x: Tensor, call: Call) => Tensor): Definition =>
  (call) =>
    roundedBy(call, 3, of(numbersOf(call, 0), call), call.tensor(0));

const binary =
  (of: (a: Tensor, b: Tensor) => Tensor): Definition =>
  (call) =>
    roundedBy(call, 6, of(numbersOf(call, 0), numbersOf(call, 3)), call.tensor(0));

/** Channels that stand last in front, and back. */
const channelsFirst = (x: Tensor): Tensor => withAxisAt(x, x.shape.length - 1, 1);
const channelsLast = (x: Tensor): Tensor => withAxisAt(x, 1, x.shape.length - 1);
const withChannels = (call: Call, x: Tensor, of: (x: Tensor) => Tensor): Tensor =>
  call.flag("channels_last") ? channelsLast(of(channelsFirst(x))) : of(x);

/** What ONNX's own pooling of that name makes of x, the node's attributes given. */
const pooled = (name: "MaxPool" | "AveragePool" | "GlobalAveragePool", call: Call, x: Tensor): Tensor =>
  [networks[name]!(call.withOperands([x], 22))].flat()[0] as Tensor;

const pooledBy =
  (name: Parameters<typeof pooled>[0]) =>
  (x: Tensor, call: Call): Tensor =>
    withChannels(call, x, (first) => pooled(name, call, first));

/** Softmax along one dimension, or before operator set 13 along all from `axis` on. */
function softmax(x: Tensor, call: Call): Tensor {
  const axis = axisOf(call.int("axis", -1), x.shape.length);
  if (call.int("opset", 13) >= 13) return x.softmax(axis);
  return asMatrix(x, axis).softmax(-1).reshape(x.shape);
}

function joined(call: Call): Tensor {
  const places = call.inputs.slice(2).flatMap((_, at) => (at % 3 === 0 ? [at + 2] : []));
  const all = places.map((at) => numbersOf(call, at));
  return roundedBy(call, 0, concat(all, call.int("axis")), call.tensor(2));
}

function chosen(call: Call): Tensor {
  const [a, b] = [numbersOf(call, 1), numbersOf(call, 4)];
  return roundedBy(call, 7, where(call.tensor(0) as Tensor<"bool">, a, b), call.tensor(1));
}

/** Sums of bytes as numbers: times the scales of both sides, one each or one by column. */
export const scaledSum = (sum: Tensor, ...scales: readonly Tensor[]): Tensor => {
  const all = scales.map((each) => (each.shape.length === 1 && each.shape[0] === 1 ? scalarOf(each) : each));
  return (sum.cast("f32") as Tensor).mul(all.reduce((a, b) => a.mul(b)));
};

/** alpha · (a − its zero point) · (b − its zero point) + c, as numbers, or rounded again. */
function gemm(call: Call): Tensor {
  const turned = (at: number, name: string): Tensor => (call.flag(name) ? call.tensor(at).permute() : call.tensor(at));
  const product = byteProduct(turned(0, "transA"), call.optional(2), turned(3, "transB"), call.optional(5));
  const c = call.optional(6);
  const numbers = scaledSum(c ? product.add(c) : product, call.tensor(1), call.tensor(4)).mul(call.float("alpha", 1));
  return call.has(7) ? roundedBy(call, 7, numbers, call.tensor(0)) : numbers;
}

const plus = (x: Tensor, bias: Tensor | undefined): Tensor => (bias ? x.add(bias) : x);

function integerProductToFloat(call: Call): Tensor {
  const sum = byteProduct(call.tensor(0), call.optional(4), call.tensor(1), call.optional(5));
  return plus(scaledSum(sum, call.tensor(2), call.tensor(3)), call.optional(6));
}

/** A product whose left side is quantised by the range that it has. */
function dynamicProduct(call: Call): Tensor {
  const [bytes, scale, zero] = quantizedDynamically(call.tensor(0));
  const sum = byteProduct(bytes, zero, call.tensor(1), call.optional(3));
  return plus(scaledSum(sum, scale, call.tensor(2)), call.optional(4));
}

/** A product of integers of 16 bits, in 32. */
const wideProduct = (call: Call): Tensor => castTo(call.tensor(0), "i32").matmul(castTo(call.tensor(1), "i32"));

/** Bytes as the numbers of 8, 4 or 2 bits that they hold, those of the lowest bits first, along the last dimension. */
function unpacked(bytes: Tensor, bits: number): Tensor {
  if (bits === 8) return bytes;
  if (bits !== 4 && bits !== 2) throw unsupported(`weights of ${bits} bits`);
  const fields = Array.from({ length: 8 / bits }, (_, field) => {
    const moved = (bytes as Tensor<"u8">).bitwiseRightShift(field * bits);
    return moved.bitwiseAnd(2 ** bits - 1).unsqueeze(-1);
  });
  const all = concat(fields, -1).reshape([...bytes.shape.slice(0, -1), -1]);
  const known = elementsOf(all);
  return known ? constantOf({ ...known, dtype: bits === 4 ? "u4" : "u2" }) : all;
}

/** Numbers of blocks along the last dimension, of which each has a scale and a zero point, packed like them or a number. */
function numbersOfBlocks(codes: Tensor, block: number, scale: Tensor, zero: Tensor | undefined, bits: number): Tensor {
  const outer = codes.shape.slice(0, -1);
  const blocks = Math.ceil(codes.shape.at(-1)! / block);
  const missing = blocks * block - codes.shape.at(-1)!;
  const whole = missing > 0 ? codes.pad([...outer.map(() => 0), 0], [...outer.map(() => 0), missing]) : codes;
  const apart = whole.reshape([...outer, blocks, block]);
  const perBlock = (of: Tensor): Tensor => of.reshape([...outer, blocks, 1]);
  const isPacked = zero?.dtype === "u8" && bits < 8;
  const points = isPacked
    ? unpacked(zero.reshape([...outer, -1]), bits).slice(...outer.map(() => [] as const), [0, blocks])
    : zero;
  const of = (point: Tensor | number): Tensor =>
    dequantize(apart as Tensor<"u8">, perBlock(scale) as Tensor<"f32">, point as Tensor<"u8">) as Tensor;
  // Zero points that are floats are subtracted as such.
  const numbers =
    points && isFloatDtype(points.dtype)
      ? (apart.cast(points.dtype) as Tensor).sub(perBlock(points)).mul(perBlock(scale))
      : of(points ? castTo(perBlock(points), apart.dtype) : 2 ** (bits - 1));
  const joined = numbers.reshape([...outer, blocks * block]);
  return missing > 0 ? joined.slice(...outer.map(() => [] as const), [0, codes.shape.at(-1)!]) : joined;
}

/** a · the transposed matrix [N,K] of few bits in blocks along K; operand 4, an order of columns, is not written any more. */
function productOfFewBits(call: Call): Tensor {
  const [a, packed, scale] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const [depth, columns, block, bits] = [call.int("K"), call.int("N"), call.int("block_size"), call.int("bits", 4)];
  if (call.has(4)) throw unsupported("weights in groups of another order (g_idx)");
  const codes = unpacked(packed.reshape([columns, -1]), bits).slice([], [0, depth]);
  const w = numbersOfBlocks(codes, block, scale, call.optional(3), bits);
  return plus(a.matmul(castTo(w, a.dtype).permute()), call.optional(5));
}

/** Rows of a table of few bits in blocks along the last dimension. */
function gatheredFewBits(call: Call): Tensor {
  const [data, positions, scale] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const bits = data.dtype === "u8" ? call.int("bits", 4) : 4;
  const axis = axisOf(call.int("quantize_axis", 1), data.shape.length);
  if (axis !== data.shape.length - 1) throw unsupported("blocks along another dimension than the last");
  const codes = data.dtype === "u8" ? unpacked(data, bits) : data;
  const zero = call.optional(3) ?? (codes.dtype === "i4" ? constant(0, "i4").broadcastTo(scale.shape) : undefined);
  const table = numbersOfBlocks(codes, call.int("block_size", 128), scale, zero, bits);
  return table.indexSelect(axisOf(call.int("gather_axis", 0), data.shape.length), positions);
}

function quantizedMean(x: Tensor, call: Call): Tensor {
  const axes = call.attribute("axes") ? axesOf(call.ints("axes"), x.shape.length) : allAxes(x.shape.length);
  return x.mean(axes, { keepDims: call.flag("keepdims", true) });
}

export const contribQuantization: Definitions = {
  "com.microsoft::DequantizeLinear": quantization.DequantizeLinear!,
  "com.microsoft::DynamicQuantizeMatMul": dynamicProduct,
  "com.microsoft::GatherBlockQuantized": gatheredFewBits,
  "com.microsoft::MatMulInteger16": wideProduct,
  "com.microsoft::MatMulIntegerToFloat": integerProductToFloat,
  "com.microsoft::MatMulNBits": productOfFewBits,
  "com.microsoft::NhwcMaxPool": (call) => channelsLast(pooled("MaxPool", call, channelsFirst(call.tensor(0)))),
  "com.microsoft::QGemm": gemm,
  "com.microsoft::QLinearAdd": binary((a, b) => a.add(b)),
  "com.microsoft::QLinearAveragePool": unary(pooledBy("AveragePool")),
  "com.microsoft::QLinearConcat": joined,
  "com.microsoft::QLinearConv": (call) =>
    withChannels(
      call,
      call.tensor(0),
      (x) => quantization.QLinearConv!(call.withOperands([x, ...call.inputs.slice(1)])) as Tensor,
    ),
  "com.microsoft::QLinearGlobalAveragePool": unary(pooledBy("GlobalAveragePool")),
  "com.microsoft::QLinearLeakyRelu": unary((x, call) => activations.LeakyRelu!(x, call.float("alpha", 0.01))),
  "com.microsoft::QLinearMul": binary((a, b) => a.mul(b)),
  "com.microsoft::QLinearReduceMean": unary(quantizedMean),
  "com.microsoft::QLinearSigmoid": unary((x) => x.sigmoid()),
  "com.microsoft::QLinearSoftmax": unary(softmax),
  "com.microsoft::QLinearWhere": chosen,
  "com.microsoft::QuantizeLinear": quantization.QuantizeLinear!,
};
