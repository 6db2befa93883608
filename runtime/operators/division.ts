// Division rounded down, and what remains of it.
import { type Expression, functions, loop } from "../../kernels/index.ts";
import { type Elementwise, elementwise } from "./elementwise.ts";

/** Whether rounding the quotient down takes one more off than cutting its fraction: something remains, of the other sign. */
const isBelow = (rest: Expression, divisor: Expression): Expression =>
  loop.and(loop.ne(rest, 0), loop.xor(loop.lt(rest, 0), loop.lt(divisor, 0)));
const below = <T extends number | bigint>(rest: T, divisor: T): boolean =>
  Number(rest) !== 0 && Number(rest) < 0 !== Number(divisor) < 0;

function integerRemainder(a: Expression, b: Expression): Expression {
  const rest = loop.rem(a, b);
  return loop.select(isBelow(rest, b), loop.add(rest, b), rest);
}

function integerQuotient(a: Expression, b: Expression): Expression {
  const quotient = loop.div(a, b);
  return loop.select(isBelow(loop.rem(a, b), b), loop.sub(quotient, 1), quotient);
}

const eachKind = (
  float: (a: Expression, b: Expression) => Expression,
  integer: (a: Expression, b: Expression) => Expression,
) =>
  ((a: Expression, b: Expression) =>
    loop.isFloat(a.type.scalar) ? float(a, b) : integer(a, b)) as Elementwise["expression"];

/**
 * a − b·⌊a / b⌋, with the sign of b. Numbers.
 *
 * Exact save for one rounding where a float's sign is turned; NaN for an infinite a and for b = 0, of integers by zero 0.
 */
export const remainder = elementwise("remainder", {
  arity: 2,
  expression: eachKind(functions.remainder, integerRemainder),
  float(a, b) {
    const rest = a! % b!;
    return below(rest, b!) ? rest + b! : rest;
  },
  integer(a, b) {
    if (b === 0n) return 0n;
    const rest = a! % b!;
    return below(rest, b!) ? rest + b! : rest;
  },
});

/** ⌊a / b⌋. Numbers: floats by zero as division, NaN for an infinite a; integers by zero 0. Exact save for rounding. */
export const floorDivide = elementwise("floorDivide", {
  arity: 2,
  expression: eachKind(functions.floorDivide, integerQuotient),
  float(a, b) {
    if (b === 0) return a! / b;
    const rest = a! % b!;
    const quotient = (a! - rest) / b! - Number(below(rest, b!));
    if (quotient === 0) return Math.sign(a! / b!) < 0 || Object.is(a! / b!, -0) ? -0 : 0;
    const low = Math.floor(quotient);
    return quotient - low > 0.5 ? low + 1 : low;
  },
  integer(a, b) {
    if (b === 0n) return 0n;
    return a! / b! - BigInt(below(a! % b!, b!));
  },
});
