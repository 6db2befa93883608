// sin, cos, tan, atan and atan2.
import {
  abs,
  add,
  and,
  bitcast,
  constant,
  convert,
  div,
  eq,
  fma,
  ge,
  lt,
  mul,
  ne,
  neg,
  or,
  select,
  shl,
  sub,
  xor,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { anyDouble, anySingle, halfPi, isOdd, type ReductionWidth, reduceByHalfPi } from "./pi-reduction.ts";
import { type Double, fastTwoSum, horner, isNegative, throughDouble } from "./polynomial.ts";

/** Coefficients from fdlibm's k_sin.c and k_cos.c (Sun Microsystems, 1993); the first of sin stands apart. */
const sinFirst = -0.16666666666666632;
const sinCoefficients = [
  0.00833333333332249, -0.0001984126982985795, 2.7557313707070068e-6, -2.5050760253406863e-8, 1.58969099521155e-10,
];
const cosCoefficients = [
  0.0416666666666666, -0.001388888888887411, 2.480158728947673e-5, -2.7557314351390663e-7, 2.087572321298175e-9,
  -1.1359647557788195e-11,
];

/** sin of |x| ≤ π/4 in two parts. */
function sinNearZero({ high: x, low }: Double): Expression {
  const z = mul(x, x);
  const cube = mul(z, x);
  const tail = sub(mul(z, sub(mul(low, 0.5), mul(cube, horner(z, sinCoefficients)))), low);
  return sub(x, fma(cube, -sinFirst, tail));
}

/** cos of |x| ≤ π/4 in two parts. */
function cosNearZero({ high: x, low }: Double): Expression {
  const z = mul(x, x);
  const half = mul(z, 0.5);
  const first = sub(1, half);
  const lost = sub(sub(1, first), half);
  return add(first, add(lost, fma(mul(z, z), horner(z, cosCoefficients), neg(mul(x, low)))));
}

const signBit = 2n ** 63n;

/** sin of a quarter turn times `quarters` plus |x|, negated where the bit `sign` (u64) is set. */
function sineOf(x: Expression, width: ReductionWidth, quarters: number, sign?: Expression): Expression {
  const { lanes } = x.type;
  const magnitude = abs(x);
  const { quadrant, remainder } = reduceByHalfPi(magnitude, width);
  const quarter = quarters === 0 ? quadrant : add(quadrant, quarters);
  const value = select(isOdd(quarter), cosNearZero(remainder), sinNearZero(remainder));
  const half = shl(and(quarter, 2), 62);
  const flip = sign ? xor(half, sign) : half;
  return select(lt(magnitude, Infinity), bitcast(xor(bitcast(value, "u64"), flip), "f64"), constant("f64", NaN, lanes));
}

/** A float32 function by its float64 kin that reduces no more than float32 can reach. */
const reduced =
  (f: (x: Expression, width: ReductionWidth) => Expression) =>
  (x: Expression): Expression =>
    x.type.scalar === "f32" ? convert(f(convert(x, "f64"), anySingle), "f32") : f(x, anyDouble);

/**
 * sin x, x in radians of any size; NaN for an infinity. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: Payne–Hanek reduction to |r| ≤ π/4 in two parts, fdlibm's polynomials.
 */
export const sin = reduced((x, width) =>
  sineOf(x, width, 0, and(bitcast(x, "u64"), constant("u64", signBit, x.type.lanes))),
);

/**
 * cos x, x in radians of any size; NaN for an infinity. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: as sin, a quarter turn ahead.
 */
export const cos = reduced((x, width) => sineOf(x, width, 1));

/**
 * tan x, x in radians of any size; NaN for an infinity. f32, f64.
 * Error: ≤ 2 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: the quotient of sin and cos near zero, reduced as they are.
 */
export const tan = reduced((x, width) => {
  const magnitude = abs(x);
  const { quadrant, remainder } = reduceByHalfPi(magnitude, width);
  const [sine, cosine] = [sinNearZero(remainder), cosNearZero(remainder)];
  const odd = isOdd(quadrant);
  const value = div(select(odd, neg(cosine), sine), select(odd, sine, cosine));
  const signed = select(isNegative(x), neg(value), value);
  return select(lt(magnitude, Infinity), signed, constant("f64", NaN, x.type.lanes));
});

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

function atanOfPositive(x: Expression): Double {
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
  return fastTwoSum(high, sub(t, sub(correction, low)));
}

/**
 * atan x, in [−π/2, π/2]. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: fdlibm s_atan.c.
 */
export const atan = throughDouble((x) => {
  const value = atanOfPositive(abs(x)).high;
  const signed = select(isNegative(x), neg(value), value);
  return select(lt(abs(x), 2 ** -28), x, signed);
});

/**
 * The angle of the point (x, y), in [−π, π]. f32, f64. Signed zeros and infinities as in C (F.10.1.4).
 * Error: ≤ 2 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: atan of |y / x|, turned by π in two parts where x is negative.
 */
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
  const obtuse = sub(sub(Math.PI, acute.high), sub(acute.low, halfPi.low * 2));
  const turned = select(isNegative(x!), obtuse, acute.high);
  const signed = select(isNegative(y!), neg(turned), turned);
  return select(or(ne(x!, x!), ne(y!, y!)), f64(NaN), signed);
});
