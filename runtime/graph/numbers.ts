// What a number is as an element of a dtype: whether it holds it, and what comparing with and bounding by others comes to.
import {
  type Dtype,
  type FloatDtype,
  IsochronError,
  isFloatDtype,
  isSmallFloat,
  isSmallInteger,
  isSmallNumber,
  isStored,
  numberOfStored,
  rangeOf,
  rangeOfSmall,
  type SmallFloat,
  toFloat32,
  toStored,
} from "../../kernels/index.ts";
import { type ArrayOf, arrayName, newArray, requireDtype, stored, type TypedArray } from "./tensor-type.ts";

/** A number in any of the forms that users write. */
export type Numeric = number | bigint | boolean;

/** The least and the greatest integer of a dtype; bool has 0 and 1. */
export const limitsOf = (dtype: Dtype): readonly [bigint, bigint] => rangeOf(dtype);

/** A number as a float of a dtype, rounded once. */
const rounded = (dtype: Dtype, value: number | bigint): number => {
  if (dtype === "f64") return Number(value);
  if (isStored(dtype)) return numberOfStored(dtype, toStored(dtype, value, { saturate: false }));
  return typeof value === "bigint" ? toFloat32(value) : Math.fround(value);
};

/** Whether a float dtype has an element of this value: it may round, but not become infinite, or another one's. */
function isElement(dtype: FloatDtype, value: number | bigint): boolean {
  if (isSmallFloat(dtype)) return isSmallNumber(dtype, Number(value));
  return (typeof value === "number" && !Number.isFinite(value)) || Number.isFinite(rounded(dtype, value));
}

/** Whether a dtype has an element of this value: floats round, but no finite number becomes infinite; integers are exact. */
export function holds(dtype: Dtype, value: Numeric): boolean {
  if (typeof value === "boolean") return !isFloatDtype(dtype) || isElement(dtype, Number(value));
  if (typeof value !== "number" && typeof value !== "bigint") return false;
  if (isFloatDtype(dtype)) return isElement(dtype, value);
  if (typeof value === "number" && !Number.isInteger(value)) return false;
  const [low, high] = limitsOf(dtype);
  return value >= low && value <= high;
}

const largest: { readonly [D in Exclude<FloatDtype, SmallFloat>]: string } = {
  f16: "65504",
  bf16: "3.4e38",
  f32: "3.4e38",
  f64: "1.8e308",
};

/** The numbers that a dtype holds, in words. */
export function rangeText(dtype: Dtype): string {
  if (dtype === "bool") return "bool holds 0 and 1";
  if (isSmallFloat(dtype)) {
    const [least, greatest] = rangeOfSmall(dtype);
    const others = [isSmallNumber(dtype, Infinity) && "infinities", isSmallNumber(dtype, Number.NaN) && "NaN"];
    return [`${dtype} holds numbers from ${least} to ${greatest}`, ...others.filter(Boolean)].join(", ");
  }
  if (isFloatDtype(dtype)) return `${dtype} holds numbers up to ${largest[dtype]}, and infinities`;
  const [low, high] = limitsOf(dtype);
  return `${dtype} holds whole numbers from ${low} to ${high}`;
}

/**
 * A new array of a dtype's elements, from numbers in a list or an array of any kind.
 *
 * Floats are rounded once; halves and small floats may be given as an array of their bits. `what` is whose numbers they are. Throws `tensor/value` for a number that the dtype does not hold.
 */
export function elementsFrom<D extends Dtype>(what: string, dtype: D, values: ArrayLike<Numeric>): ArrayOf<D> {
  requireDtype(dtype);
  if (ArrayBuffer.isView(values) && values.constructor.name === arrayName(dtype) && isCopied(dtype)) {
    const copy = (values as unknown as TypedArray).slice();
    if (dtype === "f4e2m1") requireBits(what, copy as Uint8Array);
    return copy as ArrayOf<D>;
  }
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

/** Whether what a dtype's array holds is taken as it is; of the others it is numbers, of which not all are the dtype's. */
const isCopied = (dtype: Dtype): boolean => dtype !== "bool" && !isSmallInteger(dtype);

/** Throws `tensor/value` for a byte of more than the four bits of `f4e2m1`. */
function requireBits(what: string, bytes: Uint8Array): void {
  const at = bytes.findIndex((byte) => byte > 0xf);
  if (at < 0) return;
  throw new IsochronError("tensor/value", `${what}: the byte ${bytes[at]} at position ${at} is no f4e2m1`, {
    help: "an array of f4e2m1 holds the bits of one element in each byte, 0 to 15",
  });
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
  if (isSmallFloat(dtype) && dtype !== "f8e5m2" && !holds(dtype, value)) return beyondSmall(name, dtype, value);
  if (isFloatDtype(dtype)) return isElement(dtype, value) ? { name, value } : beyondFloats(name, value > 0);
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

/** A comparison with a number that lies beyond all of a small float's, which has no infinity; NaN compares as ever. */
function beyondSmall(name: Comparison, dtype: SmallFloat, value: number): Comparable {
  const [least, greatest] = rangeOfSmall(dtype);
  // What is beyond, NaN where that is no element included, is equal to none and unequal to all.
  if (name === "notEqual") return holds(dtype, NaN) ? { name, value: NaN } : { name: "greaterEqual", value: least };
  if (name === "equal" || Number.isNaN(value)) return { name: "less", value: least };
  const isUpwards = name === "less" || name === "lessEqual";
  if (value > 0 && value > greatest) return { name: isUpwards ? "lessEqual" : "greater", value: greatest };
  return { name: isUpwards ? "less" : "greaterEqual", value: least };
}

/** Whether a bound lies at or beyond the end of a dtype, so that it bounds no element. */
export function boundsNothing(name: "maximum" | "minimum", dtype: Dtype, value: number): boolean {
  if (dtype === "bool") return false;
  if (isSmallFloat(dtype)) {
    const [least, greatest] = rangeOfSmall(dtype);
    return !holds(dtype, value) && (name === "maximum" ? value < least : value > greatest);
  }
  if (isFloatDtype(dtype)) return !isElement(dtype, value) && value > 0 === (name === "minimum");
  const [low, high] = limitsOf(dtype);
  return name === "maximum" ? value <= low : value >= high;
}
