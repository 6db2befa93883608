// ONNX's quantisation: to bytes and back, and products of bytes in integers.
import type { Dtype } from "../../../../kernels/index.ts";
import { convInteger, matmulInteger as integerProduct, type ZeroPoint } from "../../../capture/integer-products.ts";
import { dequantize, quantize } from "../../../capture/quantization.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { type Call, constantOf, type Definitions } from "../call.ts";
import { elementsOf } from "../known-values.ts";
import { axisOf } from "./axes.ts";
import { productOf } from "./networks.ts";
import { windowOf } from "./windows.ts";

/** A parameter as it broadcasts over x: one for all, one for each slice of a dimension, or one for each block along it. */
function spread(call: Call, parameter: Tensor, x: Tensor): Tensor {
  const rank = x.shape.length;
  const block = call.int("block_size", 0);
  if (block > 0) {
    const axis = axisOf(call.int("axis", 1), rank);
    const { shape } = parameter;
    const repeated = parameter.unsqueeze(axis + 1).broadcastTo(shape.toSpliced(axis + 1, 0, block));
    const whole = repeated.reshape(shape.with(axis, shape[axis]! * block));
    return whole.slice(...x.shape.map((size): [number, number] => [0, size]));
  }
  if (parameter.shape.length === 0 || (parameter.shape.length === 1 && parameter.shape[0] === 1))
    return parameter.reshape([]);
  const axis = axisOf(call.int("axis", 1), rank);
  return parameter.reshape(x.shape.map((_, d) => (d === axis ? parameter.shape[0]! : 1)));
}

type Numbers = Tensor<"f32">;
type Code = "u8";

/** x quantised: to the nearest, halves to even, plus the zero point, saturated. */
export const quantized = (
  x: Tensor,
  scale: Tensor | number,
  zeroPoint: Tensor | undefined,
  dtype: Dtype,
  options: Parameters<typeof quantize>[4] = {},
): Tensor =>
  quantize(x as Numbers, scale as Numbers | number, (zeroPoint ?? 0) as Tensor<Code> | 0, dtype as Code, options);

function quantizeLinear(call: Call): Tensor {
  const [x, scale, zeroPoint] = [call.tensor(0), call.tensor(1), call.optional(2)];
  const dtype = zeroPoint?.dtype ?? call.dtype("output_dtype", "u8");
  const precision = call.attribute("precision") ? (call.dtype("precision") as "f32") : undefined;
  return quantized(x, spread(call, scale, x), zeroPoint && spread(call, zeroPoint, x), dtype, {
    ...(precision ? { precision } : {}),
    ...(call.flag("saturate", true) || !dtype.startsWith("f8") ? {} : { saturate: false }),
  });
}

function dequantizeLinear(call: Call): Tensor {
  const [x, scale, zeroPoint] = [call.tensor(0), call.tensor(1), call.optional(2)];
  const zero = (zeroPoint ? spread(call, zeroPoint, x) : 0) as Tensor<Code> | 0;
  const factor = spread(call, scale, x) as Numbers;
  const dtype = call.dtype("output_dtype", scale.dtype === "f8e8m0" ? "f32" : scale.dtype) as "f32";
  return dequantize(x as Tensor<Code>, factor, zero, { dtype });
}

/** Bytes with the scale and the zero point of all of them, found from their range, which includes 0. */
export function quantizedDynamically(x: Tensor): readonly [bytes: Tensor, scale: Tensor, zeroPoint: Tensor] {
  const zero = constant(0, x.dtype);
  const [low, high] = [x.min().minimum(zero), x.max().maximum(zero)];
  const scale = high.sub(low).div(255);
  const zeroPoint = zero.sub(low.div(scale)).clamp(0, 255).round().cast("u8") as Tensor;
  return [quantized(x, scale, zeroPoint, "u8"), scale, zeroPoint];
}

type Byte = Tensor<"u8">;

/** A zero point: one for all, or one for each row of a, column of b or output channel. */
const zeroPointOf = (given: Tensor | undefined): ZeroPoint => {
  if (!given) return 0;
  return (given.shape.length === 1 && given.shape[0] === 1 ? given.reshape([]) : given) as Byte;
};

/** Weights that are known, and signed bytes without their zero points, as those; others as they are. Zero points lie along one dimension. */
function aroundZero(w: Tensor, zero: Tensor | undefined, axis: number): readonly [w: Tensor, zero: Tensor | undefined] {
  if (!zero || !elementsOf(zero) || !elementsOf(w)) return [w, zero];
  const isOne = countOf(zero.shape) === 1;
  if (!isOne && zero.shape.length !== 1) return [w, zero];
  const spread = zero.reshape(isOne ? [] : w.shape.map((_, d) => (d === axis ? -1 : 1)));
  const { data, shape } = elementsOf(w.cast("i32").sub(spread.cast("i32")))!;
  if ((data as Int32Array).some((each) => each < -128 || each > 127)) return [w, zero];
  return [constantOf({ dtype: "i8", shape, data: Int8Array.from(data as Int32Array) }), undefined];
}

/** A product of matrices of bytes around zero points; a vector is a row on the left and a column on the right. */
export function byteProduct(a: Tensor, aZero: Tensor | undefined, b: Tensor, bZero: Tensor | undefined): Tensor {
  const [weights, zero] = aroundZero(b, bZero, b.shape.length - 1);
  return productOf(a, weights, (left, right) =>
    integerProduct(left as Byte, right as Byte, zeroPointOf(aZero), zeroPointOf(zero)),
  );
}

function matmulInteger(call: Call): Tensor {
  return byteProduct(call.tensor(0), call.optional(2), call.tensor(1), call.optional(3));
}

function convolvedBytes(
  call: Call,
  x: Tensor,
  xZero: Tensor | undefined,
  w: Tensor,
  wZero: Tensor | undefined,
): Tensor {
  const { stride, dilation, before, after } = windowOf(call, x.shape.slice(2), w.shape.slice(2));
  const [weights, zero] = aroundZero(w, wZero, 0);
  return convInteger(x as Byte, weights as Byte, {
    stride,
    dilation,
    padding: before,
    paddingAfter: after,
    groups: call.int("group", 1),
    zeroPoint: zeroPointOf(xZero),
    weightZeroPoint: zeroPointOf(zero),
  });
}

/** A convolution of quantised numbers, quantised anew; scales and zero points of the weight may be by output channel. */
function qlinearConv(call: Call): Tensor {
  const [x, xScale, xZero] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const [w, wScale, wZero] = [call.tensor(3), call.tensor(4), call.tensor(5)];
  const [yScale, yZero, bias] = [call.tensor(6), call.tensor(7), call.optional(8)];
  const byChannel = (each: Tensor): Tensor => each.reshape([-1, ...x.shape.slice(2).map(() => 1)]);
  const sum = convolvedBytes(call, x, xZero, w, wZero);
  const scale = xScale.reshape([]).mul(byChannel(wScale)).div(yScale.reshape([]));
  const whole = (bias ? sum.add(byChannel(bias)) : sum).cast("f32").mul(scale.cast("f32"));
  return quantized(whole, 1, yZero.reshape([]), yZero.dtype);
}

/** A product of quantised matrices, quantised anew. */
function qlinearMatmul(call: Call): Tensor {
  const [a, aScale, aZero] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const [b, bScale, bZero] = [call.tensor(3), call.tensor(4), call.tensor(5)];
  const [yScale, yZero] = [call.tensor(6), call.tensor(7)];
  const sum = byteProduct(a, aZero, b, bZero);
  // A scale of each row of a stands beside its columns.
  const rows = aScale.shape.length === 1 && aScale.shape[0]! > 1 ? aScale.unsqueeze(1) : aScale;
  const scale = rows.cast("f32").mul(bScale.cast("f32")).div(yScale.cast("f32"));
  return quantized(sum.cast("f32").mul(scale), 1, yZero, yZero.dtype);
}

export const quantization: Definitions = {
  ConvInteger: (call) => convolvedBytes(call, call.tensor(0), call.optional(2), call.tensor(1), call.optional(3)),
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: (call) => quantizedDynamically(call.tensor(0)),
  MatMulInteger: matmulInteger,
  QLinearConv: qlinearConv,
  QLinearMatMul: qlinearMatmul,
  QuantizeLinear: quantizeLinear,
};
