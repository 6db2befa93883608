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
import { horner, powerOfTwo, scale, throughDouble } from "./polynomial.ts";

const ln2High = 0.6931471803691238;
const ln2Low = 1.9082149292705877e-10;

/** 1/2!, 1/3!, … 1/14!: the Taylor series of exp, whose remainder on |r| ≤ ln 2 / 2 is below 2⁻⁶⁰. */
const inverseFactorials = Array.from({ length: 13 }, (_, at) => {
  let product = 1;
  for (let i = 2; i <= at + 2; i++) product *= i;
  return 1 / product;
});

/** x = k·ln 2 + r with |r| ≤ ln 2 / 2 (Cody and Waite), and e^r − 1. */
function reduce(x: Expression): { k: Expression; expm1: Expression } {
  const k = roundEven(mul(x, Math.LOG2E));
  const r = fma(k, -ln2Low, fma(k, -ln2High, x));
  return { k: convert(k, "i64"), expm1: fma(mul(r, r), horner(r, inverseFactorials), r) };
}

/** Limits beyond which exp is 0 or infinite; NaN passes through. */
const bounded = (x: Expression, low: number, high: number): Expression => {
  const raised = select(lt(x, low), low, x);
  return select(gt(raised, high), high, raised);
};

/** e^x. f32, f64. Error: ≤ 1 ulp. Method: Cody–Waite reduction, Taylor polynomial; subnormal results round twice. */
export const exp = throughDouble((x) => {
  const { k, expm1 } = reduce(bounded(x, -746, 710));
  return scale(add(expm1, 1), k);
});

/** e^x − 1 for |x| ≤ 80. f64. */
function expm1(x: Expression): Expression {
  const { k, expm1: small } = reduce(x);
  const power = powerOfTwo(k);
  return fma(small, power, sub(power, 1));
}

/** tanh x. f32, f64. Error: ≤ 2 ulp (f64), ≤ 0.51 ulp (f32). Method: expm1(2|x|) / (expm1(2|x|) + 2). */
export const tanh = throughDouble((x) => {
  const magnitude = abs(x);
  const e = expm1(bounded(mul(magnitude, 2), 0, 44));
  const value = div(e, add(e, 2));
  const signed = select(lt(x, 0), neg(value), value);
  // Below 2⁻²⁸ the function is its argument, which keeps −0 and subnormals.
  return select(lt(magnitude, 2 ** -28), x, signed);
});

/** 1 / (1 + e^−x). f32, f64. Error: ≤ 2 ulp (f64), ≤ 0.51 ulp (f32). Method: through exp(−|x|), so that neither side overflows. */
export const sigmoid = throughDouble((x) => {
  const e = exp(neg(abs(x)));
  return div(select(lt(x, 0), e, constant("f64", 1, x.type.lanes)), add(e, 1));
});

/** Coefficients of log(1+f) from fdlibm's e_log.c (Sun Microsystems, 1993). */
const logCoefficients = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
];

/** ln x. f32, f64. Error: ≤ 1 ulp. Method: fdlibm e_log.c; subnormals are scaled first; ln ±0 = −∞, ln of a negative is NaN. */
export const log = throughDouble((x) => {
  const subnormal = lt(x, 2 ** -1022);
  const scaled = select(subnormal, mul(x, 2 ** 54), x);
  const bits = bitcast(scaled, "i64");
  const { lanes } = x.type;
  const f64 = (value: number) => constant("f64", value, lanes);
  // The exponent for a mantissa in [√½, √2): 0x3fe6a09e… are the bits of √½.
  const shifted = sub(bits, constant("i64", 0x3fe6a09e667f3bcdn, lanes));
  const exponent = shr(shifted, 52);
  const mantissa = bitcast(sub(bits, shl(exponent, 52)), "f64");
  const k = sub(convert(exponent, "f64"), select(subnormal, constant("f64", 54, lanes), 0));
  const f = sub(mantissa, 1);
  const s = div(f, add(f, 2));
  const z = mul(s, s);
  const r = mul(z, horner(z, logCoefficients));
  const half = mul(mul(f, f), 0.5);
  const value = sub(mul(k, ln2High), sub(sub(half, fma(s, add(half, r), mul(k, ln2Low))), f));
  const special = select(eq(x, 0), f64(-Infinity), select(eq(x, Infinity), f64(Infinity), f64(NaN)));
  return select(and(gt(x, 0), lt(x, Infinity)), value, special);
});
