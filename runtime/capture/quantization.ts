// Linear quantisation as free functions: numbers to integers and to floats of few bits, and back.
import { z } from "zod";
import {
  arithmeticOf,
  type Dtype,
  isFloatDtype,
  isHalf,
  isSmallFloat,
  type SmallFloat,
  type SmallInteger,
} from "../../kernels/index.ts";
import { holds, limitsOf, rangeText } from "../graph/numbers.ts";
import { located } from "../graph/place.ts";
import { requireDtype, showTensorType } from "../graph/tensor-type.ts";
import { axisIn } from "../operators/axis.ts";
import { operators } from "../operators/index.ts";
import { operandError } from "../operators/operand-error.ts";
import { flag, operatorOptions, requireArgument, tensorOf } from "./options.ts";
import { apply, constant, Tensor } from "./tensor.ts";

/** One parameter for a whole tensor, one per channel, or a tensor that broadcasts. */
export type Parameter<D extends Dtype> = number | readonly number[] | Tensor<D>;

/** The dtypes that numbers are quantised to. */
type Quantized = "u8" | "i8" | "u16" | "i16" | SmallInteger | Exclude<SmallFloat, "f8e8m0">;
/** The dtypes of scales, those of microscaling among them. */
type Scale = "f32" | "f16" | "bf16" | "f8e8m0";
/** The dtypes that numbers are taken from and given in. */
type Wide = "f32" | "f16" | "bf16";

interface QuantizeOptions {
  /** Where the channels of a list of parameters lie; 1 unless given. */
  readonly axis?: number;
  /** What is divided in: the scale's dtype unless given. */
  readonly precision?: Wide | "f64";
  /** Of floats of 8 bits: whether what is too large becomes the largest number, as it does unless this is false. */
  readonly saturate?: boolean;
}

interface DequantizeOptions<R extends Wide = Wide> {
  /** Where the channels of a list of parameters lie; 1 unless given. */
  readonly axis?: number;
  /** What is given: the scale's dtype unless named. */
  readonly dtype?: R;
}

const axis = z.int().optional();
const checkQuantize = operatorOptions<QuantizeOptions>("quantize", () => ({
  axis,
  precision: z.enum(["f32", "f16", "bf16", "f64"]).optional(),
  saturate: flag,
}));
const checkDequantize = operatorOptions<DequantizeOptions>("dequantize", () => ({
  axis,
  dtype: z.enum(["f32", "f16", "bf16"]).optional(),
}));

/** Numbers, or a tensor of them. */
const parameterSchema = z
  .union([z.number(), z.array(z.number()), z.instanceof(Tensor)])
  .describe("a number, a list of them by channel, or a tensor");

/** Throws `operator/zero-point` for a number that the dtype of what it is subtracted from does not hold. */
export function requireZeroPoint(what: string, zeroPoint: number, dtype: Dtype): void {
  if (!holds(dtype, zeroPoint))
    throw operandError("zero-point", `${what} with the zero point ${zeroPoint}`, rangeText(dtype));
}

/** Whether numbers are quantised to a float dtype. */
const isTarget = (dtype: Dtype): boolean => isSmallFloat(dtype) && dtype !== "f8e8m0";

const inDtype = <R extends Dtype>(x: Tensor, dtype: R): Tensor<R> =>
  (x.dtype === (dtype as Dtype) ? x : x.cast(dtype)) as Tensor<R>;

/** What elements are dequantised from: themselves, or the type that they are computed in. */
const computedIn = (x: Tensor): Tensor => inDtype(x, arithmeticOf(x.dtype));

/** The parameters of one call: of what, with which rank, and where its channels lie. */
class Parameters {
  readonly what: string;
  readonly #rank: number;
  readonly #axis: number;

  constructor(name: string, { type }: Tensor, given: number) {
    this.what = `${name} of ${showTensorType(type)}`;
    this.#rank = type.shape.length;
    this.#axis = given;
  }

  /** A parameter as a tensor of a dtype. */
  of(value: Parameter<Dtype>, dtype: Dtype): Tensor {
    if (value instanceof Tensor) return value;
    if (typeof value === "number") return constant(value, dtype);
    const trailing = this.#rank - 1 - axisIn(this.what, this.#axis, this.#rank);
    return constant(value, dtype, [value.length, ...new Array<number>(trailing).fill(1)]);
  }

  /** The zero point of what is of `dtype`, in what that is computed in. */
  zero(value: Parameter<Dtype>, dtype: Dtype): Tensor {
    if (value instanceof Tensor) return computedIn(value);
    for (const zero of [value].flat()) requireZeroPoint(this.what, zero, dtype);
    return this.of(value, arithmeticOf(dtype));
  }
}

/**
 * x / scale to the nearest integer, halves to even, plus the zero point, saturated to `dtype`; to a float x / scale plus the zero
 * point, rounded once. The quotient is rounded to `precision`. The number 0 as zero point is none: −0 stays where a float has it.
 */
export function quantize<D extends Quantized>(
  x: Tensor<Wide | "f64" | "i32">,
  scale: Parameter<Scale>,
  zeroPoint: Parameter<D>,
  dtype: D,
  options: QuantizeOptions = {},
): Tensor<D> {
  checkQuantize(options);
  tensorOf("quantize", x);
  requireArgument("quantize", "scale", parameterSchema, scale);
  requireArgument("quantize", "zeroPoint", parameterSchema, zeroPoint);
  return located(() => {
    requireDtype(dtype);
    const parameters = new Parameters("quantize", x, options.axis ?? 1);
    if (!(isFloatDtype(x.dtype) || x.dtype === "i32") || (isFloatDtype(dtype) && !isTarget(dtype)))
      throw operandError(
        "dtype",
        `${parameters.what} to ${dtype}`,
        "x is a float or i32, the result an integer of at most 16 bits, or a float of 8 or 4 that is not f8e8m0",
      );
    const divisor = parameters.of(scale, "f32");
    const zero = parameters.zero(zeroPoint, dtype);
    const precision = options.precision ?? (isHalf(divisor.dtype) ? divisor.dtype : "f32");
    const quotient = (): Tensor => inDtype(x, precision).div(inDtype(divisor, precision));
    if (isFloatDtype(dtype)) {
      const moved = zeroPoint === 0 ? quotient() : quotient().add(inDtype(zero, precision));
      return moved.cast(dtype, options.saturate === undefined ? {} : { saturate: options.saturate });
    }
    if (options.saturate !== undefined)
      throw operandError("attributes", `${parameters.what} with saturate`, "saturate is for floats of 8 bits");
    // Rounded where it is divided, it is a whole number, of which f32 holds all that do not saturate.
    const rounded =
      precision === "f32"
        ? apply(operators.quantize, [inDtype(x, "f32"), inDtype(divisor, "f32"), zero])
        : apply(operators.quantize, [inDtype(quotient().round(), "f32"), constant(1, "f32"), zero]);
    if (rounded.dtype === dtype) return rounded as Tensor<D>;
    const [low, high] = limitsOf(dtype);
    return rounded.clamp(Number(low), Number(high)).cast(dtype);
  });
}

/** (x − zeroPoint) · scale, in the scale's dtype, or f32 where the scale is a number or of f8e8m0. */
export function dequantize<D extends Quantized | "i32", S extends Scale = "f32">(
  x: Tensor<D>,
  scale: Parameter<S>,
  zeroPoint?: Parameter<D>,
  options?: Omit<DequantizeOptions, "dtype">,
): Tensor<S extends "f8e8m0" ? "f32" : S>;
/** (x − zeroPoint) · scale, in `dtype`. */
export function dequantize<D extends Quantized | "i32", R extends Wide>(
  x: Tensor<D>,
  scale: Parameter<Scale>,
  zeroPoint: Parameter<D>,
  options: DequantizeOptions<R> & { readonly dtype: R },
): Tensor<R>;
export function dequantize(
  x: Tensor,
  scale: Parameter<Scale>,
  zeroPoint: Parameter<Dtype> = 0,
  options: DequantizeOptions = {},
): Tensor {
  checkDequantize(options);
  tensorOf("dequantize", x);
  requireArgument("dequantize", "scale", parameterSchema, scale);
  requireArgument("dequantize", "zeroPoint", parameterSchema, zeroPoint);
  return located(() => {
    const parameters = new Parameters("dequantize", x, options.axis ?? 1);
    const factor = parameters.of(scale, "f32");
    const zero = parameters.zero(zeroPoint, x.dtype);
    const wide = computedIn(x);
    const step = inDtype(factor, "f32");
    const distance = () => (zeroPoint === 0 ? wide : wide.sub(zero));
    const product = isSmallFloat(x.dtype) ? distance().mul(step) : apply(operators.dequantize, [wide, step, zero]);
    return inDtype(product, options.dtype ?? (isHalf(factor.dtype) ? factor.dtype : "f32"));
  });
}
