// Conversions of small floats and small integers to what they are computed in and back, as expressions of it: the same bits on every target.
import { isSmallInteger } from "../dtype.ts";
import { type SignedSmallFloat, smallBits, smallFormats } from "../small.ts";
import { add, and, bitcast, constant, convert, eq, gt, lt, mul, or, select, shl, shr, sub } from "./build.ts";
import type { Expression, Narrowing, SmallFloat, SmallInteger } from "./ir.ts";

/** Bits of the fraction of f32, its bias, and the bits of its infinity. */
const fraction32 = 23;
const bias32 = 127;
const infinity32 = 0x7f800000;
/** The last byte of `f8e8m0`, which is NaN. */
const nan8 = 0xff;

const notANumber = (lanes: number): Expression => constant("f32", Number.NaN, lanes);
const word = (value: number, lanes: number): Expression => constant("i32", value, lanes);

/** A small float or integer as what it is computed in: f32, i8 or u8. Exact. */
export function widened(operand: Expression): Expression {
  const scalar = operand.type.scalar as SmallFloat | SmallInteger;
  if (isSmallInteger(scalar)) return lowerBits(operand, scalar);
  const bits = convert(bitcast(operand, "u8"), "i32");
  return scalar === "f8e8m0" ? powerOfByte(bits) : floatOfBits(bits, scalar);
}

/** An i8 or u8 as a small integer, or an f32 as a small float. */
export function narrowed(
  operand: Expression,
  scalar: SmallFloat | SmallInteger,
  narrowing: Narrowing = {},
): Expression {
  if (isSmallInteger(scalar)) return bitcast(lowerBits(operand, scalar), scalar);
  const bits =
    scalar === "f8e8m0" ? byteOfPower(operand, narrowing) : bitsOfFloat(operand, scalar, narrowing.saturate ?? true);
  return bitcast(convert(bits, "u8"), scalar);
}

/** The number in the lower bits of a byte, as i8 or u8. */
function lowerBits(operand: Expression, scalar: SmallInteger): Expression {
  const bits = smallBits[scalar];
  if (scalar.startsWith("u")) return and(bitcast(operand, "u8"), (1 << bits) - 1);
  return shr(shl(bitcast(operand, "i8"), 8 - bits), 8 - bits);
}

function floatOfBits(bits: Expression, scalar: SignedSmallFloat): Expression {
  const { fraction, bias, sign, most, infinity, nan, oneZero } = smallFormats[scalar];
  const { lanes } = bits.type;
  const code = and(bits, sign - 1);
  const normal = bitcast(add(shl(code, fraction32 - fraction), (bias32 - bias) << fraction32), "f32");
  const subnormal = mul(convert(code, "f32"), 2 ** (1 - bias - fraction));
  const finite = bitcast(select(lt(code, 1 << fraction), subnormal, normal), "i32");
  const magnitude = infinity === undefined ? finite : select(eq(code, infinity), word(infinity32, lanes), finite);
  const signed = bitcast(or(magnitude, shl(and(bits, sign), 31 - Math.log2(sign))), "f32");
  const isNumberless = oneZero ? eq(bits, nan) : gt(code, infinity ?? most);
  return select(isNumberless, notANumber(lanes), signed);
}

function bitsOfFloat(x: Expression, scalar: SignedSmallFloat, saturate: boolean): Expression {
  const { fraction, bias, sign, most, beyond, nan, oneZero } = smallFormats[scalar];
  const { lanes } = x.type;
  const bits = bitcast(x, "i32");
  const magnitude = and(bits, 0x7fffffff);
  // Half a unit less the last digit that stays makes ties even; infinity rounds to a code above all.
  const dropped = fraction32 - fraction;
  const up = add(and(shr(magnitude, dropped), 1), (1 << (dropped - 1)) - 1);
  const normal = sub(shr(add(magnitude, up), dropped), (bias32 - bias) << fraction);
  // Added to a float whose unit is the least small one, a number is rounded at that unit, which then counts in its bits.
  const exponent = 1 - bias - fraction + fraction32;
  const counted = bitcast(add(bitcast(magnitude, "f32"), 2 ** exponent), "i32");
  const subnormal = sub(counted, (exponent + bias32) << fraction32);
  const code = select(lt(magnitude, (1 - bias + bias32) << fraction32), subnormal, normal);
  const limited = select(gt(code, most), word(saturate ? most : beyond, lanes), code);
  const signed = or(limited, and(shr(bits, 31 - Math.log2(sign)), sign));
  const number = oneZero ? select(eq(limited, 0), word(0, lanes), signed) : signed;
  return select(gt(magnitude, infinity32), word(nan, lanes), number);
}

/** The power of two whose exponent a byte is; the byte 0 is one of f32's subnormal numbers. */
function powerOfByte(bits: Expression): Expression {
  const { lanes } = bits.type;
  const power = select(eq(bits, 0), word(1 << (fraction32 - 1), lanes), shl(bits, fraction32));
  return select(eq(bits, nan8), notANumber(lanes), bitcast(power, "f32"));
}

function byteOfPower(x: Expression, { saturate = true, rounding = "up" }: Narrowing): Expression {
  const { lanes } = x.type;
  const magnitude = and(bitcast(x, "i32"), 0x7fffffff);
  // Subnormal numbers of f32 are made normal ones, so that their exponent can be read.
  const raised = 64;
  const isFaint = lt(magnitude, (bias32 - raised) << fraction32);
  const lifted = select(isFaint, mul(bitcast(magnitude, "f32"), 2 ** raised), bitcast(magnitude, "f32"));
  const up = { up: (1 << fraction32) - 1, nearest: 1 << (fraction32 - 1), down: 0 }[rounding];
  const exponent = shr(add(bitcast(lifted, "i32"), up), fraction32);
  const code = sub(exponent, select(isFaint, word(raised, lanes), word(0, lanes)));
  const [least, most] = saturate ? [0, nan8 - 1] : [nan8, nan8];
  const bounded = select(gt(code, nan8 - 1), word(most, lanes), code);
  const within = select(lt(code, 0), word(least, lanes), bounded);
  return select(gt(magnitude, infinity32), word(nan8, lanes), within);
}
