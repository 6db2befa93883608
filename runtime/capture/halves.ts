// Arrays of f16 and bf16 for inputs, and numbers from outputs: JavaScript has no arrays of halves, so they are held by their bits.
import { z } from "zod";
import { checkArgument, type Half, numberOfHalf } from "../../kernels/index.ts";
import { elementsFrom } from "../graph/numbers.ts";

const half = z.enum(["f16", "bf16"]);
const numbers = z
  .custom<ArrayLike<number>>((given) => Array.isArray(given) || ArrayBuffer.isView(given))
  .describe("a list of numbers, or an array of them");
const bits = z.instanceof(Uint16Array).describe("a Uint16Array");

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
  return Float32Array.from(values, (each) => numberOfHalf(dtype, each));
}
