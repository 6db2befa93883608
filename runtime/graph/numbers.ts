// What a number is as an element of a dtype: whether it holds it, and what comparing with and bounding by others comes to.
import {
  type Dtype,
  type FloatDtype,
  IsochronError,
  isFloatDtype,
  isHalf,
  numberOfHalf,
  rangeOf,
  toFloat32,
  toHalf,
} from "../../kernels/index.ts";
import { type ArrayOf, arrayName, newArray, requireDtype, stored, type TypedArray } from "./tensor-type.ts";

/** A number in any of the forms that users write. */
export type Numeric = number | bigint | boolean;

/** The least and the greatest integer of a dtype; bool has 0 and 1. */
export const limitsOf = (dtype: Dtype): readonly [bigint, bigint] => rangeOf(dtype);

/** A number as a float of a dtype, rounded once. */
const rounded = (dtype: Dtype, value: number | bigint): number => {
  if (dtype === "f64") return Number(value);
  if (isHalf(dtype)) return numberOfHalf(dtype, toHalf(dtype, value));
  return typeof value === "bigint" ? toFloat32(value) : Math.fround(value);
};

/** Whether a number that is finite stays so in a dtype. */
const staysFinite = (dtype: Dtype, value: number | bigint): boolean =>
  (typeof value === "number" && !Number.isFinite(value)) || Number.isFinite(rounded(dtype, value));

/** Whether a dtype has an element of this value: floats round, but no finite number becomes infinite; integers are exact. */
export function holds(dtype: Dtype, value: Numeric): boolean {
  if (typeof value === "boolean") return true;
  if (typeof value !== "number" && typeof value !== "bigint") return false;
  if (isFloatDtype(dtype)) return staysFinite(dtype, value);
  if (typeof value === "number" && !Number.isInteger(value)) return false;
  const [low, high] = limitsOf(dtype);
  return value >= low && value <= high;
}

const largest: { readonly [D in FloatDtype]: string } = { f16: "65504", bf16: "3.4e38", f32: "3.4e38", f64: "1.8e308" };

/** The numbers that a dtype holds, in words. */
export function rangeText(dtype: Dtype): string {
  if (dtype === "bool") return "bool holds 0 and 1";
  if (isFloatDtype(dtype)) return `${dtype} holds numbers up to ${largest[dtype]}, and infinities`;
  const [low, high] = limitsOf(dtype);
  return `${dtype} holds whole numbers from ${low} to ${high}`;
}

/**
 * A new array of a dtype's elements, from numbers in a list or an array of any kind.
 *
 * Floats are rounded once; halves may be given as an array of their bits. `what` is whose numbers they are. Throws `tensor/value` for a number that the dtype does not hold.
 */
export function elementsFrom<D extends Dtype>(what: string, dtype: D, values: ArrayLike<Numeric>): ArrayOf<D> {
  requireDtype(dtype);
  if (ArrayBuffer.isView(values) && values.constructor.name === arrayName(dtype) && dtype !== "bool")
    return (values as unknown as TypedArray).slice() as ArrayOf<D>;
  const array: TypedArray = newArray<Dtype>(dtype, values.length);
  const wide = array instanceof BigInt64Array || array instanceof BigUint64Array;
  for (let at = 0; at < values.length; at++) {
    const value = values[at]!;
    if (!holds(dtype, value)) {
      throw new IsochronError("tensor/value", `${what}: ${String(value)} at position ${at} is no ${dtype}`, {
        help: `${rangeText(dtype)}; round, clamp or choose another dtype`,
      });
    }
    if (wide) array[at] = BigInt(value);
    else array[at] = stored(dtype, typeof value === "bigint" ? rounded(dtype, value) : Number(value));
  }
  return array as ArrayOf<D>;
}

/** The comparisons of a tensor with a number. */
export type Comparison = "equal" | "notEqual" | "less" | "lessEqual" | "greater" | "greaterEqual";

/** A comparison with a number that the tensor's dtype holds. */
interface Comparable {
  readonly name: Comparison;
  readonly value: number;
}

/**
 * What compares with a number by its mathematical value: the same comparison, or another one with a number that the dtype
 * holds, which is true for the same elements. Floats compare with the number rounded to their precision.
 */
export function comparable(name: Comparison, dtype: Dtype, value: number): Comparable {
  if (isFloatDtype(dtype)) return staysFinite(dtype, value) ? { name, value } : beyondFloats(name, value > 0);
  const [low, high] = limitsOf(dtype);
  const least = Number(low);
  const always: Comparable = { name: "greaterEqual", value: least };
  const never: Comparable = { name: "less", value: least };
  switch (name) {
    case "equal":
      return holds(dtype, value) ? { name, value } : never;
    case "notEqual":
      return holds(dtype, value) ? { name, value } : always;
    case "less":
    case "greaterEqual": {
      // An integer is less than a number where it is less than the next integer.
      const up = Math.ceil(value);
      if (holds(dtype, up)) return { name, value: up };
      return up > high === (name === "less") && !Number.isNaN(up) ? always : never;
    }
    case "lessEqual":
    case "greater": {
      const down = Math.floor(value);
      if (holds(dtype, down)) return { name, value: down };
      return down > high === (name === "lessEqual") && !Number.isNaN(down) ? always : never;
    }
  }
}

/** A comparison with a finite number of larger magnitude than all finite floats of a dtype; NaN compares as ever. */
function beyondFloats(name: Comparison, above: boolean): Comparable {
  const end = above ? Infinity : -Infinity;
  switch (name) {
    case "equal":
      return { name: "less", value: -Infinity };
    case "notEqual":
      return { name: "notEqual", value: NaN };
    case "less":
    case "lessEqual":
      return { name: above ? "less" : "lessEqual", value: end };
    case "greater":
    case "greaterEqual":
      return { name: above ? "greaterEqual" : "greater", value: end };
  }
}

/** Whether a bound lies at or beyond the end of a dtype, so that it bounds no element. */
export function boundsNothing(name: "maximum" | "minimum", dtype: Dtype, value: number): boolean {
  if (dtype === "bool") return false;
  if (isFloatDtype(dtype)) return !staysFinite(dtype, value) && value > 0 === (name === "minimum");
  const [low, high] = limitsOf(dtype);
  return name === "maximum" ? value <= low : value >= high;
}
