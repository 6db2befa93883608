// asin and acos.
import { abs, add, constant, div, eq, fma, gt, lt, mul, neg, select, sqrt, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { halfPi } from "./pi-reduction.ts";
import { fastTwoSum, horner, isNegative, throughDouble } from "./polynomial.ts";

/** asin x = x + x·z·P(z)/Q(z) with z = x² ≤ ¼; coefficients from fdlibm's e_asin.c (Sun Microsystems, 1993). */
const numerator = [
  0.16666666666666666, -0.3255658186224009, 0.20121253213486293, -0.04005553450067941, 0.0007915349942898145,
  3.479331075960212e-5,
];
const denominator = [1, -2.403394911734414, 2.0209457602335057, -0.6882839716054533, 0.07703815055590194];
const beyond = (z: Expression): Expression => div(mul(z, horner(z, numerator)), horner(z, denominator));

interface Parts {
  readonly magnitude: Expression;
  /** Whether the magnitude is at least ½. */
  readonly large: Expression;
  /** √((1 − |x|) / 2), and what asin of it adds to it, rounding of the root included. */
  readonly root: Expression;
  readonly rootRest: Expression;
  /** What asin |x| adds to |x| for a small |x|. */
  readonly rest: Expression;
}

/** What asin and acos are made of: asin of |x|, and of √((1 − |x|) / 2), of which one is used. */
function parts(x: Expression): Parts {
  const magnitude = abs(x);
  const large = gt(magnitude, 0.5);
  const z = select(large, mul(sub(1, magnitude), 0.5), mul(x, x));
  const ratio = beyond(z);
  const root = sqrt(z);
  const lost = div(fma(neg(root), root, z), add(root, root));
  const rootRest = add(mul(root, ratio), select(eq(root, 0), constant("f64", 0, x.type.lanes), lost));
  return { magnitude, large, root, rootRest, rest: mul(magnitude, ratio) };
}

/** a − b − rest for |a| ≥ |b|, with the low part of a. */
function difference(a: { high: number; low: number }, b: Expression, rest: Expression): Expression {
  const { high, low } = fastTwoSum(constant("f64", a.high, b.type.lanes), neg(b));
  return add(high, add(low, sub(a.low, rest)));
}

/**
 * asin x, in [−π/2, π/2]; NaN beyond ±1. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: fdlibm's rational function; from ½ on π/2 − 2·asin √((1 − |x|) / 2).
 */
export const asin = throughDouble((x) => {
  const { magnitude, large, root, rootRest, rest } = parts(x!);
  const value = select(large, difference(halfPi, mul(root, 2), mul(rootRest, 2)), add(magnitude, rest));
  const signed = select(isNegative(x!), neg(value), value);
  // Below 2⁻²⁷ the function is its argument, which keeps subnormals.
  return select(lt(magnitude, 2 ** -27), x!, signed);
});

/**
 * acos x, in [0, π]; NaN beyond ±1. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: as asin.
 */
export const acos = throughDouble((x) => {
  const { magnitude, large, root, rootRest, rest } = parts(x!);
  const negative = isNegative(x!);
  const sign = (e: Expression) => select(negative, neg(e), e);
  const middle = difference(halfPi, sign(magnitude), sign(rest));
  const pi = { high: 2 * halfPi.high, low: 2 * halfPi.low };
  const near = mul(add(root, rootRest), 2);
  const far = difference(pi, mul(root, 2), mul(rootRest, 2));
  return select(large, select(negative, far, near), middle);
});
