// Linear quantisation as free functions: numbers to bytes and back, and products of bytes in 32-bit integers.
import { z } from "zod";
import type { Dtype } from "../../kernels/index.ts";
import { holds, rangeText } from "../graph/numbers.ts";
import { located } from "../graph/place.ts";
import { requireDtype, showTensorType } from "../graph/tensor-type.ts";
import { axisIn } from "../operators/axis.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { type ConvolutionOptions, paddedFor, paddingOption } from "./convolutions.ts";
import { operatorOptions, planeOption, requireArgument, tensorOf } from "./options.ts";
import { both } from "./pair.ts";
import { apply, constant, Tensor } from "./tensor.ts";

/** One parameter for a whole tensor, one per channel, or a tensor that broadcasts. */
export type Parameter<D extends Dtype> = number | readonly number[] | Tensor<D>;

/** Where the channels of a list of parameters lie; 1 unless given. */
interface ChannelOptions {
  readonly axis?: number;
}

const axisSchemas = { axis: z.int().optional() };
const checkQuantize = operatorOptions<ChannelOptions>("quantize", () => axisSchemas);
const checkDequantize = operatorOptions<ChannelOptions>("dequantize", () => axisSchemas);

/** Numbers, or a tensor of them. */
const parameterSchema = z
  .union([z.number(), z.array(z.number()), z.instanceof(Tensor)])
  .describe("a number, a list of them by channel, or a tensor");

/** Throws `operator/zero-point` for a number that the dtype of what it is subtracted from does not hold. */
function requireZeroPoint(what: string, zeroPoint: number, dtype: Dtype): void {
  if (!holds(dtype, zeroPoint))
    throw operandError("zero-point", `${what} with the zero point ${zeroPoint}`, rangeText(dtype));
}

/** Scales are f32; what is of another dtype are zero points. */
function parameter<D extends Dtype>(
  what: string,
  value: Parameter<D>,
  dtype: D,
  rank: number,
  axis: number,
): Tensor<D> {
  if (value instanceof Tensor) return value;
  requireDtype(dtype);
  if (dtype !== "f32") for (const zero of [value].flat()) requireZeroPoint(what, zero, dtype);
  if (typeof value === "number") return constant(value, dtype);
  const trailing = rank - 1 - axisIn(what, axis, rank);
  return constant(value, dtype, [value.length, ...new Array<number>(trailing).fill(1)]);
}

/** x / scale to the nearest integer, halves to even, plus the zero point, saturated to `dtype`. */
export function quantize<D extends "u8" | "i8" | "u16" | "i16">(
  x: Tensor<"f32">,
  scale: Parameter<"f32">,
  zeroPoint: Parameter<D>,
  dtype: D,
  options: ChannelOptions = {},
): Tensor<D> {
  checkQuantize(options);
  tensorOf("quantize", x);
  requireArgument("quantize", "scale", parameterSchema, scale);
  requireArgument("quantize", "zeroPoint", parameterSchema, zeroPoint);
  const { axis = 1 } = options;
  return located(() => {
    const rank = x.type.shape.length;
    const what = `quantize of ${showTensorType(x.type)}`;
    return apply(operators.quantize, [
      x,
      parameter(what, scale, "f32", rank, axis),
      parameter(what, zeroPoint, dtype, rank, axis),
    ]);
  });
}

/** (x − zeroPoint) · scale. */
export function dequantize<D extends "u8" | "i8" | "u16" | "i16" | "i32">(
  x: Tensor<D>,
  scale: Parameter<"f32">,
  zeroPoint: Parameter<D> = 0,
  options: ChannelOptions = {},
): Tensor<"f32"> {
  checkDequantize(options);
  tensorOf("dequantize", x);
  requireArgument("dequantize", "scale", parameterSchema, scale);
  requireArgument("dequantize", "zeroPoint", parameterSchema, zeroPoint);
  const { axis = 1 } = options;
  return located(() => {
    const rank = x.type.shape.length;
    const what = `dequantize of ${showTensorType(x.type)}`;
    return apply(operators.dequantize, [
      x,
      parameter(what, scale, "f32", rank, axis),
      parameter(what, zeroPoint, x.dtype, rank, axis),
    ]);
  });
}

type Byte = "u8" | "i8";

/** (a − zeroPoint) · b in 32-bit integers that wrap: a[…,m,k] of bytes, b[…,k,n] of signed ones. */
export function matmulInteger(a: Tensor<Byte>, b: Tensor<"i8">, zeroPoint = 0): Tensor<"i32"> {
  for (const each of [a, b]) tensorOf("matmulInteger", each);
  located(() => requireZeroPoint(`matmulInteger of ${showTensorType(a.type)}`, zeroPoint, a.dtype));
  const product = apply<"i32">(operators.matmulInteger, [a, b]);
  return zeroPoint === 0 ? product : product.sub(b.cast("i32").sum([-2], { keepDims: true }).mul(zeroPoint));
}

interface ConvIntegerOptions extends Omit<ConvolutionOptions, "bias" | "convolution"> {
  readonly zeroPoint?: number;
}

const checkConvInteger = operatorOptions<ConvIntegerOptions>("convInteger", () => ({
  stride: planeOption(1),
  padding: paddingOption,
  paddingAfter: planeOption(0),
  dilation: planeOption(1),
  groups: z.int().min(1).optional(),
  zeroPoint: z.number().optional(),
}));

/** (x − zeroPoint)[n,c,h,w] convolved with w[o,c/groups,kh,kw] in 32-bit integers that wrap; padding is the zero point. */
export function convInteger(x: Tensor<Byte>, w: Tensor<"i8">, options: ConvIntegerOptions = {}): Tensor<"i32"> {
  checkConvInteger(options);
  for (const each of [x, w]) tensorOf("convInteger", each);
  const { zeroPoint = 0, stride = 1, dilation = 1, groups = 1 } = options;
  located(() => requireZeroPoint(`convInteger of ${showTensorType(x.type)}`, zeroPoint, x.dtype));
  const padded = paddedFor("convInteger", x, w, 2, options, zeroPoint);
  const attributes = { stride: both(stride), dilation: both(dilation), groups };
  const sum = apply<"i32">(operators.convInteger, [padded, w], attributes);
  if (zeroPoint === 0) return sum;
  const totals = w.cast("i32").sum([1, 2, 3]).reshape([w.shape[0]!, 1, 1]);
  return sum.sub(totals.mul(zeroPoint));
}
