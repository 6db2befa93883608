// e^x − 1, sinh and cosh: e^x without the loss that its difference from 1 or from e^−x would bring.
import { abs, add, constant, fma, gt, lt, mul, neg, select } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { bounded, inverseFactorials, reduceByLn2 } from "./exponential.ts";
import { type Double, fastTwoSum, horner, isNegative, powerOfTwo, scale, throughDouble, twoSum } from "./polynomial.ts";

/** 2^−k·x for an exponent k; what lies below 2⁻¹⁰⁰ of it makes no difference beside 1. */
const shrinking = (k: Expression, times: number): Expression => {
  const limited = select(gt(k, 100), constant("i64", 100, k.type.lanes), k);
  return powerOfTwo(mul(neg(limited), times));
};

/**
 * e^x − 1. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: Cody–Waite reduction, then 2^k·((1 − 2^−k) + (e^r − 1)), the difference in two parts.
 */
export const expm1 = throughDouble((x) => {
  const { k, r, tail } = reduceByLn2(bounded(x!, -60, 710));
  const whole = twoSum(constant("f64", 1, x!.type.lanes), neg(shrinking(k, 1)));
  const { high, low } = fastTwoSum(whole.high, r);
  const value = scale(add(high, add(low, add(whole.low, tail))), k);
  // Below 2⁻⁵⁴ the function is its argument, which keeps −0 and subnormals.
  return select(lt(abs(x!), 2 ** -54), x!, value);
});

/** 1/3!, 1/5!, … and 1/2!, 1/4!, …: the series of sinh behind its first term, and of cosh. */
const oddTerms = inverseFactorials.filter((_, at) => at % 2 === 1);
const evenTerms = inverseFactorials.filter((_, at) => at % 2 === 0);

/** a + r·b + rest for |a| ≥ |r·b| or a = 0, rounded about once. */
function sumOf(a: Double, r: Expression, b: Expression, rest: Expression): Expression {
  const product = mul(r, b);
  const lost = fma(r, b, neg(product));
  const { high, low } = fastTwoSum(a.high, product);
  return add(high, add(low, add(add(a.low, lost), rest)));
}

/** sinh or cosh of a magnitude: with x = k·ln 2 + r, 2^k·(cosh r·(1 ∓ 4^−k)/2 + sinh r·(1 ± 4^−k)/2). */
function halfSum(magnitude: Expression, odd: boolean): Expression {
  const { k, r, lost } = reduceByLn2(bounded(magnitude, 0, 712));
  const half = constant("f64", 0.5, magnitude.type.lanes);
  const small = mul(shrinking(k, 2), 0.5);
  const [difference, sum] = [fastTwoSum(half, neg(small)), fastTwoSum(half, small)];
  const square = mul(r, r);
  const cosine = mul(square, horner(square, evenTerms));
  const sine = fma(mul(square, r), horner(square, oddTerms), lost);
  const [first, second] = odd ? [difference, sum] : [sum, difference];
  return scale(sumOf(first, r, second.high, fma(cosine, first.high, mul(sine, second.high))), k);
}

/**
 * (e^x − e^−x) / 2. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: Cody–Waite reduction, the series of sinh and cosh of the rest.
 */
export const sinh = throughDouble((x) => {
  const value = halfSum(abs(x!), true);
  const signed = select(isNegative(x!), neg(value), value);
  return select(lt(abs(x!), 2 ** -28), x!, signed);
});

/**
 * (e^x + e^−x) / 2. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: as sinh.
 */
export const cosh = throughDouble((x) => halfSum(abs(x!), false));
