// ln (1 + x) and the logarithm to base 2.
import { abs, add, and, constant, convert, div, eq, fma, gt, lt, mul, select, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { ln2High, ln2Low, log, logCoefficients } from "./exponential.ts";
import { type Double, decompose, fastTwoSum, horner, throughDouble, twoProduct, twoSum } from "./polynomial.ts";
import { mantissaLogInTwoParts } from "./power.ts";

/** `value` where `inside` lies in (0, ∞); −∞ at 0, ∞ at ∞, NaN elsewhere. */
function withEnds(inside: Expression, value: Expression): Expression {
  const f64 = (end: number) => constant("f64", end, inside.type.lanes);
  const special = select(eq(inside, 0), f64(-Infinity), select(eq(inside, Infinity), f64(Infinity), f64(NaN)));
  return select(and(gt(inside, 0), lt(inside, Infinity)), value, special);
}

/**
 * ln (1 + x); −∞ at −1, NaN below. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: ln of the rounded sum as in fdlibm's e_log.c, plus what the sum lost over the sum.
 */
export const log1p = throughDouble((x) => {
  const { high: sum, low: lost } = twoSum(constant("f64", 1, x!.type.lanes), x!);
  const { mantissa, exponent: k } = decompose(sum);
  const f = sub(mantissa, 1);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  const r = mul(z, horner(z, logCoefficients));
  const half = mul(mul(f, f), 0.5);
  const small = fma(k, ln2Low, div(lost, sum));
  const value = sub(mul(k, ln2High), sub(sub(half, fma(s, add(half, r), small)), f));
  // Below 2⁻⁵⁴ the function is its argument, which keeps −0 and subnormals.
  return select(lt(abs(x!), 2 ** -54), x!, withEnds(sum, value));
});

/** 1 / ln 2 in two parts. */
const inverseLn2 = { high: Math.LOG2E, low: 2.0355273740931033e-17 };

/** log₂ in float64: the mantissa's logarithm in two parts over ln 2, and the exponent, which is exact. */
function log2Double(x: Expression): Expression {
  const f64 = (value: number) => constant("f64", value, x.type.lanes);
  const { mantissa, exponent } = decompose(x);
  const inverse: Double = { high: f64(inverseLn2.high), low: f64(inverseLn2.low) };
  const fraction = twoProduct(mantissaLogInTwoParts(mantissa), inverse);
  const { high, low } = fastTwoSum(exponent, fraction.high);
  return withEnds(x, add(high, add(low, fraction.low)));
}

/**
 * log₂ x; log₂ ±0 is −∞, log₂ of a negative number NaN; exact at powers of two. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: for f64 the mantissa's logarithm in two parts as in pow, for f32 ln x / ln 2 in float64.
 */
export const log2 = (x: Expression): Expression =>
  x.type.scalar === "f32" ? convert(mul(log(convert(x, "f64")), Math.LOG2E), "f32") : log2Double(x);
