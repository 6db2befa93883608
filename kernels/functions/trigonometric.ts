// atan and atan2.
import { abs, and, bitcast, constant, div, eq, fma, ge, lt, mul, ne, neg, or, select, sub } from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { horner, throughDouble } from "./polynomial.ts";

/** Coefficients from fdlibm's s_atan.c (Sun Microsystems, 1993). */
const atanCoefficients = [
  0.3333333333333293, -0.19999999999876483, 0.14285714272503466, -0.11111110405462356, 0.09090887133436507,
  -0.0769187620504483, 0.06661073137387531, -0.058335701337905735, 0.049768779946159324, -0.036531572744216916,
  0.016285820115365782,
];

/** The reduction intervals of atan: centre c, atan c in two parts; beyond 39/16 it works on −1/x. */
const atanCentres = [
  { above: 7 / 16, centre: 0.5, high: 0.4636476090008061, low: 2.2698777452961687e-17 },
  { above: 11 / 16, centre: 1, high: 0.7853981633974483, low: 3.061616997868383e-17 },
  { above: 19 / 16, centre: 1.5, high: 0.982793723247329, low: 1.3903311031230998e-17 },
] as const;
const halfPi = { high: 1.5707963267948966, low: 6.123233995736766e-17 };

function atanOfPositive(x: Expression): Expression {
  const f64 = (value: number) => constant("f64", value, x.type.lanes);
  let numerator = x;
  let denominator = f64(1);
  let high = f64(0);
  let low = f64(0);
  const choose = (condition: Expression, n: Expression, d: Expression, h: number, l: number) => {
    numerator = select(condition, n, numerator);
    denominator = select(condition, d, denominator);
    high = select(condition, f64(h), high);
    low = select(condition, f64(l), low);
  };
  for (const { above, centre, high: h, low: l } of atanCentres)
    choose(ge(x, above), sub(x, centre), fma(x, centre, 1), h, l);
  choose(ge(x, 39 / 16), f64(-1), x, halfPi.high, halfPi.low);
  const t = div(numerator, denominator);
  const z = mul(t, t);
  const correction = mul(mul(t, z), horner(z, atanCoefficients));
  return sub(high, sub(sub(correction, low), t));
}

/** The sign bit of a float64, as a condition; −0 counts as negative. */
const isNegative = (x: Expression): Expression => lt(bitcast(x, "i64"), 0);

/** atan x. f32, f64. Error: ≤ 1 ulp. Method: fdlibm s_atan.c. */
export const atan = throughDouble((x) => {
  const value = atanOfPositive(abs(x));
  const signed = select(isNegative(x), neg(value), value);
  return select(lt(abs(x), 2 ** -28), x, signed);
});

/** The angle of the point (x, y), in (−π, π]. f32, f64. Error: ≤ 2 ulp. Signed zeros and infinities as in C (IEEE 754-2019 §9.2.1). */
export const atan2 = throughDouble((y, x) => {
  const f64 = (value: number) => constant("f64", value, x!.type.lanes);
  const [height, width] = [abs(y!), abs(x!)];
  const infinite = (e: Expression) => eq(e, Infinity);
  // Two infinities form a square's diagonal; two zeros lie on the axis that x's sign names.
  const ratio = select(
    and(infinite(height), infinite(width)),
    f64(1),
    select(and(eq(height, 0), eq(width, 0)), f64(0), div(height, width)),
  );
  const acute = atanOfPositive(ratio);
  const obtuse = sub(halfPi.high * 2, sub(acute, halfPi.low * 2));
  const turned = select(isNegative(x!), obtuse, acute);
  const signed = select(isNegative(y!), neg(turned), turned);
  return select(or(ne(x!, x!), ne(y!, y!)), f64(NaN), signed);
});
