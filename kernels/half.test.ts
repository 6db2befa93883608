// Halves by their bits: every pattern, and every tie between neighbours, against fractions of whole numbers.
import { describe, expect, it } from "vitest";
import { canonicalHalf, halfOfNumber, numberOfHalf } from "./half.ts";
import { convertOf } from "./loop/arithmetic.ts";

/** The parts of a format as IEEE 754 gives them: digits of the fraction, bias of the exponent, all bits of the largest number. */
const formats = [
  { half: "f16", digits: 10, bias: 15, largest: 0x7bff, infinity: 0x7c00, nan: 0x7e00 },
  { half: "bf16", digits: 7, bias: 127, largest: 0x7f7f, infinity: 0x7f80, nan: 0x7fc0 },
] as const;

/** The magnitude of finite bits, in units of the least subnormal number, as a whole number. */
function inUnits(bits: number, digits: number): bigint {
  const exponent = bits >> digits;
  const fraction = BigInt(bits & ((1 << digits) - 1));
  return exponent === 0 ? fraction : (fraction + (1n << BigInt(digits))) << BigInt(exponent - 1);
}

describe.each(formats)("$half", ({ half, digits, bias, largest, infinity, nan }) => {
  const unit = 2 ** (1 - bias - digits);

  it("is the number that its bits say, for all 65,536 patterns, and is found again by that number", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits++) {
      const magnitude = bits & 0x7fff;
      const sign = bits & 0x8000 ? -1 : 1;
      const number = numberOfHalf(half, bits);
      const meant =
        magnitude > infinity
          ? NaN
          : sign * (magnitude === infinity ? Infinity : Number(inUnits(magnitude, digits)) * unit);
      const back = magnitude > infinity ? nan : bits;
      if (!Object.is(number, meant) || halfOfNumber(half, number) !== back || canonicalHalf(half, bits) !== back)
        wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  });

  it("is the nearest to numbers at, just below and just above every tie, of two the even one", () => {
    const wrong: number[] = [];
    for (let bits = 0; bits <= largest; bits++) {
      // Beyond the largest number lies a power of two that the format would go on with: from the tie with it on all is infinite.
      const tie = (Number(inUnits(bits, digits) + inUnits(bits + 1, digits)) / 2) * unit;
      const [below, above] = [tie * (1 - 2 ** -53), tie * (1 + 2 ** -52)];
      const even = bits % 2 === 0 ? bits : bits + 1;
      const nearest = [below, tie, above].map((value) => halfOfNumber(half, value));
      const mirrored = [below, tie, above].map((value) => halfOfNumber(half, -value));
      if (nearest[0] !== bits || nearest[1] !== even || nearest[2] !== bits + 1) wrong.push(bits);
      if (mirrored.some((value, at) => value !== (nearest[at]! | 0x8000))) wrong.push(-bits);
    }
    expect(wrong).toEqual([]);
  });

  it("has zeros of both signs, infinities and one NaN", () => {
    expect([0, -0, Infinity, -Infinity, NaN, 1e300, -5e-324].map((value) => halfOfNumber(half, value))).toEqual([
      0,
      0x8000,
      infinity,
      infinity | 0x8000,
      nan,
      infinity,
      0x8000,
    ]);
  });

  it("is rounded to once from integers that f64 does not hold", () => {
    const convert = convertOf("i64", half);
    const tie = (1n << 62n) + (1n << BigInt(61 - digits));
    // One above a tie is nearer to the number above, though as an f64 it is the tie.
    if (half === "bf16") expect(convert(tie + 1n)).toBe(Number(convert(tie)) + 1);
    expect(convert(-1n)).toBe(halfOfNumber(half, -1));
  });
});
