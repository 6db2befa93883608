// exp, expm1, log, tanh and the logistic sigmoid.
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
  gt,
  lt,
  mul,
  neg,
  roundEven,
  select,
  shl,
  shr,
  sub,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import {
  type Double,
  decompose,
  fastTwoSum,
  horner,
  powerOfTwo,
  quotient,
  scale,
  throughDouble,
} from "./polynomial.ts";

/** ln 2 in two parts; the first has 21 bits to spare, so that its product with an exponent is exact. */
export const ln2High = 0.6931471803691238;
export const ln2Low = 1.9082149292705877e-10;

/** 1/2!, 1/3!, … 1/14!: the Taylor series of exp, whose remainder on |r| ≤ ln 2 / 2 is below 2⁻⁶⁰. */
export const inverseFactorials = Array.from({ length: 13 }, (_, at) => {
  let product = 1;
  for (let i = 2; i <= at + 2; i++) product *= i;
  return 1 / product;
});

/**
 * x = k·ln 2 + r + lost with |r| ≤ ln 2 / 2 (Cody and Waite), `lost` being the rounding of r.
 *
 * e^x = 2^k · (1 + r + tail).
 */
export function reduceByLn2(x: Expression): { k: Expression; r: Expression; lost: Expression; tail: Expression } {
  const k = roundEven(mul(x, Math.LOG2E));
  const first = fma(k, -ln2High, x);
  const r = fma(k, -ln2Low, first);
  const lost = fma(k, -ln2Low, sub(first, r));
  return { k: convert(k, "i64"), r, lost, tail: fma(mul(r, r), horner(r, inverseFactorials), lost) };
}

/** Limits beyond which exp is 0 or infinite; NaN passes through. */
export const bounded = (x: Expression, low: number, high: number): Expression => {
  const raised = select(lt(x, low), low, x);
  return select(gt(raised, high), high, raised);
};

/** ln 2 in two float32 parts; the first has 9 bits to spare, so that its product with an exponent is exact. */
const singleLn2High = 0.693145751953125;
const singleLn2Low = 1.428606765330187e-6;

/** Adding it rounds a float32 below 2²² to an integer, which then stands in the low bits of the sum. */
const rounder32 = 1.5 * 2 ** 23;
const rounder32Bits = 0x4b400000;

/** p = e^r − 1 in float32 by the Taylor series to r⁸, r = x − k·ln 2; k lies above `rounder32Bits` in `shifted`. */
function reduced32(x: Expression): { p: Expression; shifted: Expression } {
  const shifted = fma(x, Math.LOG2E, rounder32);
  const k = sub(shifted, rounder32);
  const r = fma(k, -singleLn2Low, fma(k, -singleLn2High, x));
  return { p: fma(mul(r, r), horner(r, inverseFactorials.slice(0, 7)), r), shifted: bitcast(shifted, "i32") };
}

/** e^x in float32: 2^k·(1 + p), scaled in two steps so that subnormal results come out. */
function exp32(x: Expression): Expression {
  // Beyond these limits the result is 0 or infinite.
  const { p, shifted } = reduced32(bounded(x, -104, 89));
  const exponent = sub(shifted, rounder32Bits);
  const half = shr(exponent, 1);
  const power = (e: Expression) => bitcast(shl(add(e, 127), 23), "f32");
  const scaled = fma(p, power(half), power(half));
  return mul(scaled, power(sub(exponent, half)));
}

/** The same for x ≤ 0 or NaN, with fewer instructions: 2^k is 2^(k + 64), which is normal for each such x, times 2⁻⁶⁴. */
function expNonPositive32(x: Expression): Expression {
  const { p, shifted } = reduced32(select(lt(x, -104), -104, x));
  // The rounder's own bits leave the word with the shift.
  const power = bitcast(add(shl(shifted, 23), (64 + 127) << 23), "f32");
  return mul(fma(p, power, power), 2 ** -64);
}

/** e^x in float64. */
function exp64(x: Expression): Expression {
  const { k, r, tail } = reduceByLn2(bounded(x, -746, 710));
  const { high, low } = fastTwoSum(constant("f64", 1, x.type.lanes), r);
  return scale(add(high, add(low, tail)), k);
}

/**
 * e^x. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 1 ulp (f32).
 * Method: Cody–Waite reduction, Taylor polynomial, each in its own width; subnormal results round twice.
 */
export const exp = (x: Expression): Expression => (x.type.scalar === "f32" ? exp32(x) : exp64(x));

/** e^x for x ≤ 0 or NaN, bit for bit what {@link exp} gives. f32, f64. */
export const expNonPositive = (x: Expression): Expression => (x.type.scalar === "f32" ? expNonPositive32(x) : exp64(x));

/** e^x − 1 for −80 ≤ x ≤ 0. f64. */
function expm1(x: Expression): Double {
  const { k, r, tail } = reduceByLn2(x);
  const power = powerOfTwo(k);
  const whole = fastTwoSum(constant("f64", -1, x.type.lanes), power);
  const { high, low } = fastTwoSum(whole.high, mul(r, power));
  return fastTwoSum(high, add(whole.low, fma(tail, power, low)));
}

/** addend + e, for |e| below the addend. */
const plus = (addend: number, { high, low }: Double): Double => {
  const sum = fastTwoSum(constant("f64", addend, high.type.lanes), high);
  return { high: sum.high, low: add(sum.low, low) };
};

/**
 * tanh x in float32, with t = e^(−2|x|) = 2^k·(1 + p): 1 − 2t / (1 + t) where that is above a half, else (1 − t) / (1 + t), 1 − t
 * being −(2^k·p + (2^k − 1)).
 */
function tanh32(x: Expression): Expression {
  const magnitude = abs(x);
  // Beyond 10 the result is 1.
  const { p, shifted } = reduced32(bounded(mul(magnitude, -2), -20, 0));
  const power = bitcast(add(shl(shifted, 23), 127 << 23), "f32");
  const t = fma(p, power, power);
  const near = gt(t, 1 / 3);
  const quotient32 = div(select(near, neg(fma(p, power, sub(power, 1))), mul(t, 2)), add(t, 1));
  const value = select(near, quotient32, sub(1, quotient32));
  // Below 2⁻¹² the function is its argument, which keeps −0 and subnormals.
  return select(lt(magnitude, 2 ** -12), x, select(lt(x, 0), neg(value), value));
}

/** tanh x in float64. */
function tanh64(x: Expression): Expression {
  const magnitude = abs(x);
  const e = expm1(bounded(mul(magnitude, -2), -44, 0));
  const { high, low } = quotient(e, plus(2, e));
  const value = add(high, low);
  const signed = select(lt(x, 0), value, neg(value));
  // Below 2⁻²⁸ the function is its argument, which keeps −0 and subnormals.
  return select(lt(magnitude, 2 ** -28), x, signed);
}

/**
 * tanh x. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 2.5 ulp (f32).
 * Method: through e^(−2|x|); in float64 −e / (2 + e) with e = expm1(−2|x|) in two parts.
 */
export const tanh = (x: Expression): Expression => (x.type.scalar === "f32" ? tanh32(x) : tanh64(x));

/** 1 or e over 1 + e with e = e^−|x|, in float32. */
function sigmoid32(x: Expression): Expression {
  const e = expNonPositive32(neg(abs(x)));
  return div(select(lt(x, 0), e, 1), add(e, 1));
}

/** The same in float64, the sum and the quotient in two parts. */
function sigmoid64(x: Expression): Expression {
  const f64 = (value: number) => constant("f64", value, x.type.lanes);
  const e = exp64(neg(abs(x)));
  const { high, low } = quotient({ high: select(lt(x, 0), e, f64(1)), low: f64(0) }, plus(1, { high: e, low: f64(0) }));
  return add(high, low);
}

/**
 * 1 / (1 + e^−x). f32, f64.
 * Error: ≤ 2 ulp (f64), ≤ 2.5 ulp (f32).
 * Method: through exp(−|x|), so that neither side overflows, in x's own width.
 */
export const sigmoid = (x: Expression): Expression => (x.type.scalar === "f32" ? sigmoid32(x) : sigmoid64(x));

/** Coefficients of log(1+f) from fdlibm's e_log.c (Sun Microsystems, 1993). */
export const logCoefficients = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
];

/**
 * ln x; ln ±0 is −∞, ln of a negative number NaN. f32, f64.
 * Error: ≤ 1 ulp (f64), ≤ 0.51 ulp (f32).
 * Method: fdlibm e_log.c; subnormals are scaled first.
 */
export const log = throughDouble((x) => {
  const f64 = (value: number) => constant("f64", value, x.type.lanes);
  const { mantissa, exponent: k } = decompose(x);
  const f = sub(mantissa, 1);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  const r = mul(z, horner(z, logCoefficients));
  const half = mul(mul(f, f), 0.5);
  const value = sub(mul(k, ln2High), sub(sub(half, fma(s, add(half, r), mul(k, ln2Low))), f));
  const special = select(eq(x, 0), f64(-Infinity), select(eq(x, Infinity), f64(Infinity), f64(NaN)));
  return select(and(gt(x, 0), lt(x, Infinity)), value, special);
});
