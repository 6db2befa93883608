// Elements that are stored in fewer bits than they are computed in: what number each is, and which element a number becomes.
import { isHalf, isSmallInteger } from "./dtype.ts";
import { canonicalHalf, halfOfNumber, numberOfHalf } from "./half.ts";
import type { Narrowing, Stored } from "./loop/ir.ts";
import { numberOfSmall, smallInteger, smallOfNumber } from "./small.ts";

/** The number that an element is. Exact. */
export function numberOfStored(dtype: Stored, element: number): number {
  if (isHalf(dtype)) return numberOfHalf(dtype, element);
  return isSmallInteger(dtype) ? smallInteger(dtype, element) : numberOfSmall(dtype, element);
}

/** The element that a number becomes: floats are rounded once, of whole numbers the lower bits are kept. */
export function storedOfNumber(dtype: Stored, value: number, narrowing?: Narrowing): number {
  if (isHalf(dtype)) return halfOfNumber(dtype, value);
  return isSmallInteger(dtype) ? smallInteger(dtype, value) : smallOfNumber(dtype, value, narrowing);
}

/** The element of a constant: infinities stay where there are any, and what is too large becomes one, or NaN. */
export const storedConstant = (dtype: Stored, value: number): number =>
  storedOfNumber(dtype, value, { saturate: false });

/** The element, but of a half that is NaN the one that programs give: small floats are only made by integer operations, and moved as they are. */
export const canonicalStored = (dtype: Stored, element: number): number =>
  isHalf(dtype) ? canonicalHalf(dtype, element) : element;
