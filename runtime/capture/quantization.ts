// Linear quantisation as free functions: numbers to bytes and back.
import { z } from "zod";
import type { Dtype } from "../../kernels/index.ts";
import { holds, rangeText } from "../graph/numbers.ts";
import { located } from "../graph/place.ts";
import { requireDtype, showTensorType } from "../graph/tensor-type.ts";
import { axisIn } from "../operators/axis.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { operatorOptions, requireArgument, tensorOf } from "./options.ts";
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
export function requireZeroPoint(what: string, zeroPoint: number, dtype: Dtype): void {
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
