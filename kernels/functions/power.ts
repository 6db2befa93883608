// pow: the logarithm and its product with the exponent in two parts, since their error is magnified by up to 745.
import {
  abs,
  add,
  and,
  constant,
  convert,
  eq,
  fma,
  gt,
  lt,
  mul,
  ne,
  neg,
  not,
  or,
  roundEven,
  select,
  sub,
  trunc,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { bounded, inverseFactorials, ln2High, ln2Low } from "./exponential.ts";
import {
  type Double,
  decompose,
  fastTwoSum,
  horner,
  isNegative,
  quotient,
  scale,
  throughDouble,
  twoProduct,
  twoSum,
} from "./polynomial.ts";

/** ⅓ in two parts. */
const third = { high: 1 / 3, low: 1.850371707708594e-17 };

/** ⅕, 1/7, … 1/27: the series of artanh behind its first two terms; what follows is below 2⁻⁶⁰ of ⅓. */
const oddReciprocals = Array.from({ length: 12 }, (_, at) => 1 / (2 * at + 5));

/** ln of a mantissa in [√½, √2), to about 2⁻⁶⁸ of itself. */
export function mantissaLogInTwoParts(mantissa: Expression): Double {
  const f64 = (value: number) => constant("f64", value, mantissa.type.lanes);
  // ln m = 2 artanh s with s = (m − 1) / (m + 1), where |s| ≤ 0.172.
  const s = quotient({ high: sub(mantissa, 1), low: f64(0) }, fastTwoSum(f64(1), mantissa));
  // artanh s = s + s·z·(⅓ + z·(⅕ + …)) with z = s².
  const z = twoProduct(s, s);
  const behind = twoProduct(z, { high: horner(z.high, oddReciprocals), low: f64(0) });
  const series = fastTwoSum(f64(third.high), behind.high);
  const factor = { high: series.high, low: add(series.low, add(behind.low, third.low)) };
  const correction = twoProduct(s, twoProduct(z, factor));
  const half = fastTwoSum(s.high, correction.high);
  return {
    high: mul(half.high, 2),
    low: mul(add(half.low, add(s.low, correction.low)), 2),
  };
}

/** ln x of a finite x > 0, to about 2⁻⁶⁸ of itself. */
function logInTwoParts(x: Expression): Double {
  const { mantissa, exponent } = decompose(x);
  const mantissaLog = mantissaLogInTwoParts(mantissa);
  const sum = fastTwoSum(mul(exponent, ln2High), mantissaLog.high);
  return fastTwoSum(sum.high, add(sum.low, fma(exponent, ln2Low, mantissaLog.low)));
}

/** e^(high + low), for |low| far below |high|. */
function expOfTwoParts({ high, low }: Double): Expression {
  const limited = bounded(high, -746, 710);
  const inside = eq(limited, high);
  const k = roundEven(mul(limited, Math.LOG2E));
  const r = twoSum(fma(k, -ln2High, limited), fma(k, -ln2Low, select(inside, low, 0)));
  const one = fastTwoSum(constant("f64", 1, high.type.lanes), r.high);
  const tail = fma(mul(r.high, r.high), horner(r.high, inverseFactorials), r.low);
  return scale(add(one.high, add(one.low, tail)), convert(k, "i64"));
}

/**
 * x^y. f32, f64. Special values as in C (F.10.4.4): x^±0 and 1^y are 1 even for NaN, (−1)^±∞ is 1, a negative x to a fraction is NaN.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: e^(y·ln |x|) with the logarithm and the product in two parts; subnormal results round twice.
 */
export const pow = throughDouble((x, y) => {
  const f64 = (value: number) => constant("f64", value, x!.type.lanes);
  const magnitude = abs(x!);
  // Beyond 2^64 every x but ±1 gives 0 or infinity, and y·ln x stays finite.
  const exponent = bounded(y!, -(2 ** 64), 2 ** 64);
  const regular = expOfTwoParts(twoProduct(logInTwoParts(magnitude), { high: exponent, low: f64(0) }));
  const zero = eq(magnitude, 0);
  const inverted = lt(y!, 0);
  const atEnds = select(zero, select(inverted, f64(Infinity), 0), select(inverted, f64(0), Infinity));
  const value = select(or(zero, eq(magnitude, Infinity)), atEnds, regular);

  const whole = eq(trunc(y!), y!);
  // An infinite exponent counts as even.
  const odd = and(whole, ne(mul(trunc(mul(y!, 0.5)), 2), y!));
  const signed = select(and(isNegative(x!), odd), neg(value), value);
  const undefinedRoot = and(and(lt(x!, 0), gt(x!, -Infinity)), not(whole));
  const undefinedValue = or(undefinedRoot, or(ne(x!, x!), ne(y!, y!)));
  return select(or(eq(x!, 1), eq(y!, 0)), f64(1), select(undefinedValue, f64(NaN), signed));
});
