// Operators on the bits of integers and bools.
import { type Expression, loop } from "../../kernels/index.ts";
import { type Elementwise, elementwise } from "./elementwise.ts";

const bitwise = (
  name: string,
  expression: (a: Expression, b: Expression) => Expression,
  integer: (a: bigint, b: bigint) => bigint,
  bool: (a: number, b: number) => number,
) =>
  elementwise(name, {
    arity: 2,
    expression: expression as Elementwise["expression"],
    integer: integer as Elementwise["integer"] & {},
    bool: bool as Elementwise["bool"] & {},
  });

export const bitwiseAnd = bitwise(
  "bitwiseAnd",
  loop.and,
  (a, b) => a & b,
  (a, b) => a & b,
);
export const bitwiseOr = bitwise(
  "bitwiseOr",
  loop.or,
  (a, b) => a | b,
  (a, b) => a | b,
);
export const bitwiseXor = bitwise(
  "bitwiseXor",
  loop.xor,
  (a, b) => a ^ b,
  (a, b) => a ^ b,
);
export const bitwiseNot = elementwise("bitwiseNot", {
  arity: 1,
  expression: loop.not as Elementwise["expression"],
  integer: (a) => ~a!,
  bool: (a) => 1 - a!,
});

const bitsOf = ({ type: { scalar } }: Expression): number => Number(scalar.slice(1));
const isSigned = ({ type: { scalar } }: Expression): boolean => scalar.startsWith("i");

/** Whether a count is at least the width, or negative. */
function isBeyond(count: Expression): Expression {
  const large = loop.ge(count, bitsOf(count));
  return isSigned(count) ? loop.or(large, loop.lt(count, 0)) : large;
}

/** The bits of a moved up by b; by the width or more, or by a negative count, all of them are lost. Integers. */
export const bitwiseLeftShift = elementwise("bitwiseLeftShift", {
  arity: 2,
  expression: (a, b) => loop.select(isBeyond(b!), 0, loop.shl(a!, b!)),
  // The result wraps to its type, so that bits beyond any width are lost.
  integer: (a, b) => (b! < 0n || b! > 63n ? 0n : a! << b!),
});

/**
 * The bits of a moved down by b; copies of the sign, or zeros where there is none, come in from above. Integers.
 *
 * By the width or more, or by a negative count, nothing else is left.
 */
export const bitwiseRightShift = elementwise("bitwiseRightShift", {
  arity: 2,
  expression(a, b) {
    const emptied = isSigned(a!) ? loop.shr(a!, bitsOf(a!) - 1) : loop.constant(a!.type.scalar, 0, a!.type.lanes);
    return loop.select(isBeyond(b!), emptied, loop.shr(a!, b!));
  },
  integer: (a, b) => (b! < 0n || b! > 63n ? (a! < 0n ? -1n : 0n) : a! >> b!),
});
