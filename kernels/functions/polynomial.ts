// What elementary functions share: Horner chains, powers of two, and the way of float32 through float64.
import { add, bitcast, constant, convert, fma, mul, shl, shr, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";

/** c[0] + x·(c[1] + x·(c[2] + …)), one fused multiply-add per coefficient. */
export const horner = (x: Expression, coefficients: readonly number[]): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight<Expression>((sum, c) => fma(sum, x, c), constant("f64", coefficients.at(-1)!, x.type.lanes));

/** 2^k for an i64 k in [−1022, 1023], as f64. */
export const powerOfTwo = (k: Expression): Expression => bitcast(shl(add(k, 1023), 52), "f64");

/** x·2^k for an i64 k in [−2044, 2046], in two exact steps save for the last rounding. */
export function scale(x: Expression, k: Expression): Expression {
  const half = shr(k, 1);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(sub(k, half)));
}

/** Computes a float32 function in float64 and rounds once more: at most 0.51 ulp where the float64 error is below 2⁻³⁰. */
export const throughDouble =
  (f: (...arguments_: Expression[]) => Expression) =>
  (...arguments_: Expression[]): Expression =>
    arguments_[0]!.type.scalar === "f32"
      ? convert(f(...arguments_.map((x) => convert(x, "f64"))), "f32")
      : f(...arguments_);
