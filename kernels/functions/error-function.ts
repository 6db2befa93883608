// The error function.
import { abs, add, div, fma, lt, mul, neg, select, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { bounded, exp, expNonPositive } from "./exponential.ts";
import { horner } from "./polynomial.ts";

// Coefficients are interpolations at Chebyshev's points, and a weighted least-squares fit repeated towards equal errors (`tail32`).

/** erf x / x − 1 as a polynomial in x² on [0, 1], to 2⁻⁵⁶ and to 2⁻²⁹. */
const near64 = [
  0.12837916709551256, -0.37612638903183543, 0.11283791670945006, -0.02686617064323777, 0.0052239776071164225,
  -0.0008548325975389692, 0.00012055294904839707, -1.492473690741966e-5, 1.6447424703317362e-6, -1.6208483801871705e-7,
  1.3720064546777686e-8, -7.795898827002142e-10,
];
const near32 = [
  0.12837916584835093, -0.37612626666720334, 0.11283594715160218, -0.026854212010626412, 0.005189087423433974,
  -0.000801686428716587, 7.875875062685488e-5,
];

/** e^(x²)·erfc x as a polynomial in (x − 3) / (x + 3) on [1, 6], to 2⁻⁵⁷ of 1 in erf. */
const tail64 = [
  0.17900115118138996, -0.32623356004303716, 0.24560380171233195, -0.15011593650078744, 0.07166583719774874,
  -0.024392499318273194, 0.004269136347508256, 0.0007077464443901538, -0.0005970623517093284, 4.525472635483354e-5,
  6.406182073530546e-5, -1.284889451252353e-5, -8.008021319412685e-6, 2.023603179641757e-6, 1.2801900862962662e-6,
];

/** ln erfc x as a polynomial on [1, 4], to 2⁻²⁹ of 1 in erf. */
const tail32 = [
  -0.00035347252715115727, -1.1270410641445994, -0.6382239256410263, -0.10303893047733552, 0.02180608618795096,
  -0.002939804543629263, 0.00018559467462441067,
];

/** erfc of a magnitude from 1 on; beyond the range it is too small to matter beside 1. */
function far64(magnitude: Expression): Expression {
  const x = bounded(magnitude, 1, 6);
  const t = div(sub(x, 3), add(x, 3));
  return mul(exp(neg(mul(x, x))), horner(t, tail64));
}
const far32 = (magnitude: Expression): Expression => expNonPositive(horner(bounded(magnitude, 1, 4), tail32));

/**
 * 2/√π·∫ e^−t² dt from 0 to x. f32, f64.
 * Error: ≤ 1.5 ulp (f64), ≤ 1 ulp (f32).
 * Method: up to 1 a polynomial in x², beyond 1 − erfc |x|, each in its own width.
 */
export function erf(x: Expression): Expression {
  const single = x.type.scalar === "f32";
  const magnitude = abs(x);
  const near = fma(x, horner(mul(x, x), single ? near32 : near64), x);
  const value = sub(1, single ? far32(magnitude) : far64(magnitude));
  const far = select(lt(x, 0), neg(value), value);
  return select(lt(magnitude, 1), near, far);
}
