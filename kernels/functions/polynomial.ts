// What elementary functions share: Horner chains, powers of two, sums in two parts, and the way of float32 through float64.
import { add, bitcast, constant, convert, div, fma, lt, mul, neg, select, shl, shr, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";

/** c[0] + x·(c[1] + x·(c[2] + …)), one fused multiply-add per coefficient. */
export const horner = (x: Expression, coefficients: readonly number[]): Expression =>
  coefficients
    .slice(0, -1)
    .reduceRight<Expression>((sum, c) => fma(sum, x, c), constant(x.type.scalar, coefficients.at(-1)!, x.type.lanes));

/** 2^k for an i64 k in [−1022, 1023], as f64. */
export const powerOfTwo = (k: Expression): Expression => bitcast(shl(add(k, 1023), 52), "f64");

/** x·2^k for an i64 k in [−2044, 2046], in two exact steps save for the last rounding. */
export function scale(x: Expression, k: Expression): Expression {
  const half = shr(k, 1);
  return mul(mul(x, powerOfTwo(half)), powerOfTwo(sub(k, half)));
}

/** The sign bit of a float64, as a condition; −0 counts as negative. */
export const isNegative = (x: Expression): Expression => lt(bitcast(x, "i64"), 0);

/** A number as the unevaluated sum of two f64. */
export interface Double {
  readonly high: Expression;
  readonly low: Expression;
}

/** a + b exactly, where a is 0 or |a| ≥ |b|. */
export function fastTwoSum(a: Expression, b: Expression): Double {
  const high = add(a, b);
  return { high, low: sub(b, sub(high, a)) };
}

/** a + b exactly (Knuth). */
export function twoSum(a: Expression, b: Expression): Double {
  const high = add(a, b);
  const part = sub(high, a);
  return { high, low: add(sub(a, sub(high, part)), sub(b, part)) };
}

/** a · b to about 2⁻¹⁰⁴. */
export function twoProduct(a: Double, b: Double): Double {
  const high = mul(a.high, b.high);
  return { high, low: fma(a.high, b.low, fma(a.low, b.high, fma(a.high, b.high, neg(high)))) };
}

/** a / b to about 2⁻¹⁰⁰, where no part is near overflow. */
export function quotient(a: Double, b: Double): Double {
  const inverse = div(1, b.high);
  const high = mul(a.high, inverse);
  const rest = sub(add(fma(neg(high), b.high, a.high), a.low), mul(high, b.low));
  return { high, low: mul(rest, inverse) };
}

/** x = mantissa · 2^exponent with the mantissa in [√½, √2) and the exponent as f64, for a finite x > 0. */
export function decompose(x: Expression): { mantissa: Expression; exponent: Expression } {
  const { lanes } = x.type;
  const subnormal = lt(x, 2 ** -1022);
  const bits = bitcast(select(subnormal, mul(x, 2 ** 54), x), "i64");
  // 0x3fe6a09e… are the bits of √½.
  const exponent = shr(sub(bits, constant("i64", 0x3fe6a09e667f3bcdn, lanes)), 52);
  return {
    mantissa: bitcast(sub(bits, shl(exponent, 52)), "f64"),
    exponent: sub(convert(exponent, "f64"), select(subnormal, constant("f64", 54, lanes), 0)),
  };
}

/** Computes a float32 function in float64 and rounds once more: at most 0.51 ulp where the float64 error is below 2⁻³⁰. */
export const throughDouble =
  (f: (...arguments_: Expression[]) => Expression) =>
  (...arguments_: Expression[]): Expression =>
    arguments_[0]!.type.scalar === "f32"
      ? convert(f(...arguments_.map((x) => convert(x, "f64"))), "f32")
      : f(...arguments_);
