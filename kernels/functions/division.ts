// Remainders and quotients rounded down, of any two floats.
import {
  abs,
  add,
  and,
  constant,
  convert,
  div,
  eq,
  floor,
  fma,
  gt,
  lt,
  mul,
  ne,
  neg,
  select,
  sub,
  trunc,
  xor,
} from "../loop/build.ts";
import type { Expression } from "../loop/ir.ts";
import { isNegative } from "./polynomial.ts";

/** Bits of the quotient that a step takes off: few enough for a quotient to be off by one at most. */
const stepBits = 50;
/** Steps for the ratio of any two finite numbers: below 2^277 in float32, below 2^2098 in float64. */
const steps = { f32: 6, f64: 42 } as const;

/** x·2^k, exact or infinite. */
function raised(x: Expression, k: number): Expression {
  let value = x;
  for (let rest = k; rest > 0; rest -= 1000) value = mul(value, 2 ** Math.min(rest, 1000));
  return value;
}

/**
 * |a| modulo |b| of f64, exactly: from the highest multiple of b down, each step takes off what fits.
 *
 * NaN for an infinite a and for b = 0.
 */
function modulo(a: Expression, b: Expression, count: number): Expression {
  let rest = a;
  for (let step = count - 1; step >= 0; step--) {
    const divisor = raised(b, step * stepBits);
    // Product and difference are exact; the quotient may have been rounded up to the next integer.
    const difference = fma(neg(trunc(div(rest, divisor))), divisor, rest);
    const reduced = select(lt(difference, 0), add(difference, divisor), difference);
    // What is infinite takes nothing off, save from NaN and infinities.
    rest = select(and(eq(divisor, Infinity), lt(rest, Infinity)), rest, reduced);
  }
  return rest;
}

/** What remains of a / b truncated, with the sign of a, and whether the quotient rounded down is one less. f64. */
function truncated(a: Expression, b: Expression, count: number): { rest: Expression; below: Expression } {
  const magnitude = modulo(abs(a), abs(b), count);
  const rest = select(isNegative(a), neg(magnitude), magnitude);
  return { rest, below: and(ne(rest, 0), xor(lt(b, 0), lt(rest, 0))) };
}

/** Computes in float64, with as many steps as the operands' type needs. */
const widened =
  (f: (a: Expression, b: Expression, count: number) => Expression) =>
  (a: Expression, b: Expression): Expression =>
    a.type.scalar === "f32" ? convert(f(convert(a, "f64"), convert(b, "f64"), steps.f32), "f32") : f(a, b, steps.f64);

/**
 * a − b·⌊a / b⌋, with the sign of b; NaN for an infinite a and for b = 0. f32, f64.
 *
 * Exact but for the one rounding of a sum where the signs of a and b differ.
 */
export const remainder = widened((a, b, count) => {
  const { rest, below } = truncated(a, b, count);
  return select(below, add(rest, b), rest);
});

/**
 * ⌊a / b⌋; a / 0 as division has it, NaN for an infinite a. f32, f64.
 *
 * What remains is taken off before dividing, so that no quotient is rounded up to the next integer.
 */
export const floorDivide = widened((a, b, count) => {
  const { rest, below } = truncated(a, b, count);
  const whole = div(sub(a, rest), b);
  const quotient = select(below, sub(whole, 1), whole);
  const low = floor(quotient);
  const rounded = select(gt(sub(quotient, low), 0.5), add(low, 1), low);
  const plain = div(a, b);
  const zero = constant("f64", 0, a.type.lanes);
  const signedZero = select(isNegative(plain), neg(zero), zero);
  return select(eq(b, 0), plain, select(eq(quotient, 0), signedZero, rounded));
});
