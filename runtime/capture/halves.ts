// Arrays of floats of 16 bits and fewer for inputs, and numbers from outputs: JavaScript has no such arrays, so they are held by their bits.
import { z } from "zod";
import {
  checkArgument,
  dtypes,
  type Half,
  isSmallFloat,
  numberOfStored,
  type SmallFloat,
} from "../../kernels/index.ts";
import { elementsFrom } from "../graph/numbers.ts";

const half = z.enum(["f16", "bf16"]);
const smallFloat = z.enum(dtypes.filter(isSmallFloat));
const numbers = z
  .custom<ArrayLike<number>>((given) => Array.isArray(given) || ArrayBuffer.isView(given))
  .describe("a list of numbers, or an array of them");
const bits = z.instanceof(Uint16Array).describe("a Uint16Array");
const bytes = z.instanceof(Uint8Array).describe("a Uint8Array");

/** The elements of a dtype that numbers are; `name` is the function's whose arguments they are. */
function bitsOf<D extends Half | SmallFloat>(name: string, allowed: z.ZodType, dtype: D, values: ArrayLike<number>) {
  checkArgument("tensor", name, "dtype", allowed, dtype);
  checkArgument("tensor", name, "values", numbers, values);
  return elementsFrom(name, dtype, Array.from(values));
}

/** The numbers that elements of a dtype are. */
function numbersOf(
  name: string,
  [allowed, array]: readonly [dtype: z.ZodType, values: z.ZodType],
  dtype: Half | SmallFloat,
  values: Uint16Array | Uint8Array,
): Float32Array {
  checkArgument("tensor", name, "dtype", allowed, dtype);
  checkArgument("tensor", name, "values", array, values);
  return Float32Array.from(values, (each) => numberOfStored(dtype, each));
}

/** The bits of the nearest halves, of two the even one. Throws `tensor/argument`, and `tensor/value` for a number that becomes infinite. */
export const toHalves = (dtype: Half, values: ArrayLike<number>): Uint16Array =>
  bitsOf("toHalves", half, dtype, values);

/** The numbers that halves are, exactly. Throws `tensor/argument`. */
export const fromHalves = (dtype: Half, values: Uint16Array): Float32Array =>
  numbersOf("fromHalves", [half, bits], dtype, values);

/**
 * The bits of the nearest floats of 8 or 4 bits, of two the even one, each in a byte; to `f8e8m0` the next power of two up. Throws
 * `tensor/argument`, and `tensor/value` for a number that the dtype does not hold.
 */
export const toSmallFloats = (dtype: SmallFloat, values: ArrayLike<number>): Uint8Array =>
  bitsOf("toSmallFloats", smallFloat, dtype, values);

/** The numbers that floats of 8 or 4 bits are, exactly. Throws `tensor/argument`. */
export const fromSmallFloats = (dtype: SmallFloat, values: Uint8Array): Float32Array =>
  numbersOf("fromSmallFloats", [smallFloat, bytes], dtype, values);
