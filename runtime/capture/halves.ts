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

/** The bits of the nearest halves, of two the even one. Throws `tensor/argument`, and `tensor/value` for a number that becomes infinite. */
export function toHalves(dtype: Half, values: ArrayLike<number>): Uint16Array {
  checkArgument("tensor", "toHalves", "dtype", half, dtype);
  checkArgument("tensor", "toHalves", "values", numbers, values);
  return elementsFrom("toHalves", dtype, Array.from(values));
}

/** The numbers that halves are, exactly. Throws `tensor/argument`. */
export function fromHalves(dtype: Half, values: Uint16Array): Float32Array {
  checkArgument("tensor", "fromHalves", "dtype", half, dtype);
  checkArgument("tensor", "fromHalves", "values", bits, values);
  return Float32Array.from(values, (each) => numberOfStored(dtype, each));
}

/**
 * The bits of the nearest floats of 8 or 4 bits, of two the even one, each in a byte; to `f8e8m0` the next power of two up. Throws
 * `tensor/argument`, and `tensor/value` for a number that the dtype does not hold.
 */
export function toSmallFloats(dtype: SmallFloat, values: ArrayLike<number>): Uint8Array {
  checkArgument("tensor", "toSmallFloats", "dtype", smallFloat, dtype);
  checkArgument("tensor", "toSmallFloats", "values", numbers, values);
  return elementsFrom("toSmallFloats", dtype, Array.from(values));
}

/** The numbers that floats of 8 or 4 bits are, exactly. Throws `tensor/argument`. */
export function fromSmallFloats(dtype: SmallFloat, values: Uint8Array): Float32Array {
  checkArgument("tensor", "fromSmallFloats", "dtype", smallFloat, dtype);
  checkArgument("tensor", "fromSmallFloats", "values", bytes, values);
  return Float32Array.from(values, (each) => numberOfStored(dtype, each));
}
