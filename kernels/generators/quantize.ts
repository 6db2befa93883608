// Rounds float32 values to small integers, halves to even, saturated.
import { add, bitcast, constant, convert, gt, lt, select, sub } from "../loop/build.ts";
import type { Expression, Scalar } from "../loop/ir.ts";

/** 1.5 · 2^23: a float32 added to it is rounded at the units, its integer in the low bits. */
const shift = 12582912;
const shiftBits = 0x4b400000;

/**
 * value rounded to the nearest integer, ties to even, plus `zeroPoint` (i32), kept within low … high, as `scalar`. NaN gives `low`.
 *
 * `value` is f32; low and high lie within `scalar`, whose zero points differ from them by less than 2^21.
 */
export function rounding(
  value: Expression,
  zeroPoint: Expression,
  low: number,
  high: number,
  scalar: Scalar,
): Expression {
  const { lanes } = value.type;
  // The ends are integers, so keeping within them before rounding is the same as after it.
  const end = (limit: number) => convert(sub(constant("i32", limit, lanes), zeroPoint), "f32");
  const [least, most] = [end(low), end(high)];
  const above = select(gt(value, least), value, least);
  const within = select(lt(above, most), above, most);
  const shifted = bitcast(add(within, constant("f32", shift, lanes)), "i32");
  return convert(add(shifted, sub(zeroPoint, constant("i32", shiftBits, lanes))), scalar);
}
