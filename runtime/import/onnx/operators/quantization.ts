// ONNX's quantisation: to bytes and back, and products of bytes in integers.
import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { constant, type Tensor } from "../../../capture/tensor.ts";
import { limitsOf } from "../../../graph/numbers.ts";
import type { Call, Definitions } from "../call.ts";
import { axisOf } from "./axes.ts";
import { product } from "./networks.ts";

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

/** x / scale to the nearest integer, halves to even, plus the zero point, saturated. */
function quantized(x: Tensor, scale: Tensor, zeroPoint: Tensor | undefined, dtype: Dtype): Tensor {
  const wide = x.dtype === "f64" ? "f64" : "f32";
  const scaled = x.cast(wide).div(scale.cast(wide));
  if (isFloatDtype(dtype)) return (zeroPoint ? scaled.add(zeroPoint.cast(wide)) : scaled).cast(dtype);
  const [low, high] = limitsOf(dtype);
  const rounded = scaled.round();
  const moved = zeroPoint ? rounded.add(zeroPoint.cast(wide)) : rounded;
  return moved.clamp(Number(low), Number(high)).cast(dtype);
}

function quantizeLinear(call: Call): Tensor {
  const [x, scale, zeroPoint] = [call.tensor(0), call.tensor(1), call.optional(2)];
  const dtype = zeroPoint?.dtype ?? call.dtype("output_dtype", "u8");
  return quantized(x, spread(call, scale, x), zeroPoint && spread(call, zeroPoint, x), dtype);
}

function dequantizeLinear(call: Call): Tensor {
  const [x, scale, zeroPoint] = [call.tensor(0), call.tensor(1), call.optional(2)];
  const wide = scale.dtype === "f64" ? "f64" : "f32";
  const from = x.cast(wide);
  const moved = zeroPoint ? from.sub(spread(call, zeroPoint, x).cast(wide)) : from;
  return moved.mul(spread(call, scale, x).cast(wide)).cast(call.dtype("output_dtype", scale.dtype));
}

/** The scale and the zero point of all elements, found from their range, which includes 0. */
function dynamicQuantizeLinear(call: Call): Tensor[] {
  const x = call.tensor(0);
  const zero = constant(0, x.dtype);
  const [low, high] = [x.min().minimum(zero), x.max().maximum(zero)];
  const scale = high.sub(low).div(255);
  const zeroPoint = zero.sub(low.div(scale)).clamp(0, 255).round().cast("u8") as Tensor;
  return [quantized(x, scale, zeroPoint, "u8"), scale, zeroPoint];
}

/** x less its zero point, in 32 bits. */
function centred(x: Tensor, zeroPoint: Tensor | undefined): Tensor {
  const wide = x.cast("i32") as Tensor;
  return zeroPoint ? wide.sub(zeroPoint.cast("i32")) : wide;
}

/** A zero point of each row of a matrix, or of all. */
const byRow = (zero: Tensor | undefined): Tensor | undefined =>
  zero && zero.shape.length === 1 && zero.shape[0]! > 1
    ? zero.unsqueeze(1)
    : zero && zero.shape.length === 1
      ? zero.reshape([])
      : zero;

function matmulInteger(call: Call): Tensor {
  return product(centred(call.tensor(0), byRow(call.optional(2))), centred(call.tensor(1), call.optional(3)));
}

/** A product of quantised matrices, quantised anew. */
function qlinearMatmul(call: Call): Tensor {
  const [a, aScale, aZero] = [call.tensor(0), call.tensor(1), call.tensor(2)];
  const [b, bScale, bZero] = [call.tensor(3), call.tensor(4), call.tensor(5)];
  const [yScale, yZero] = [call.tensor(6), call.tensor(7)];
  const sum = product(centred(a, byRow(aZero)), centred(b, bZero));
  const scale = aScale.cast("f32").mul(bScale.cast("f32")).div(yScale.cast("f32"));
  return quantized(sum.cast("f32").mul(scale), constant(1, "f32") as Tensor, yZero, yZero.dtype);
}

export const quantization: Definitions = {
  DequantizeLinear: dequantizeLinear,
  DynamicQuantizeLinear: dynamicQuantizeLinear,
  MatMulInteger: matmulInteger,
  QLinearMatMul: qlinearMatmul,
  QuantizeLinear: quantizeLinear,
};
