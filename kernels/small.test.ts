// Small floats and integers by their bytes: every byte by the format's definition, and every tie between neighbours.
import { describe, expect, it } from "vitest";
import type { SmallFloat } from "./loop/ir.ts";
import { isSmallNumber, numberOfSmall, rangeOfSmall, smallInteger, smallOfNumber } from "./small.ts";

/** A format as the papers give it: which bytes are no numbers, and where saturation ends. */
interface Definition {
  readonly dtype: Exclude<SmallFloat, "f8e8m0">;
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly bias: number;
  readonly nan: (byte: number) => boolean;
  readonly infinite: (byte: number) => boolean;
  /** What NaN, and what a number above all becomes where nothing saturates. */
  readonly given: { readonly nan: number; readonly above: number; readonly below: number };
}

const never = () => false;
const definitions: readonly Definition[] = [
  {
    dtype: "f8e4m3fn",
    exponentBits: 4,
    fractionBits: 3,
    bias: 7,
    nan: (byte) => byte === 0b01111111 || byte === 0b11111111,
    infinite: never,
    given: { nan: 0b01111111, above: 0b01111111, below: 0b11111111 },
  },
  {
    dtype: "f8e4m3fnuz",
    exponentBits: 4,
    fractionBits: 3,
    bias: 8,
    nan: (byte) => byte === 0b10000000,
    infinite: never,
    given: { nan: 0b10000000, above: 0b10000000, below: 0b10000000 },
  },
  {
    dtype: "f8e5m2",
    exponentBits: 5,
    fractionBits: 2,
    bias: 15,
    nan: (byte) => (byte & 0b1111100) === 0b1111100 && (byte & 0b11) !== 0,
    infinite: (byte) => (byte & 0b1111111) === 0b1111100,
    given: { nan: 0b01111110, above: 0b01111100, below: 0b11111100 },
  },
  {
    dtype: "f8e5m2fnuz",
    exponentBits: 5,
    fractionBits: 2,
    bias: 16,
    nan: (byte) => byte === 0b10000000,
    infinite: never,
    given: { nan: 0b10000000, above: 0b10000000, below: 0b10000000 },
  },
  {
    dtype: "f4e2m1",
    exponentBits: 2,
    fractionBits: 1,
    bias: 1,
    nan: never,
    infinite: never,
    given: { nan: 0b1000, above: 0b0111, below: 0b1111 },
  },
];

/** (−1)^S · 2^(E − bias) · (1 + F), or with the exponent 0, (−1)^S · 2^(1 − bias) · F. */
function numberBy({ exponentBits, fractionBits, bias, nan, infinite }: Definition, byte: number): number {
  const text = byte.toString(2).padStart(1 + exponentBits + fractionBits, "0");
  const sign = text[0] === "1" ? -1 : 1;
  if (nan(byte)) return NaN;
  if (infinite(byte)) return sign * Infinity;
  const exponent = Number.parseInt(text.slice(1, 1 + exponentBits), 2);
  const fraction = Number.parseInt(text.slice(1 + exponentBits), 2) / 2 ** fractionBits;
  return sign * (exponent === 0 ? 2 ** (1 - bias) * fraction : 2 ** (exponent - bias) * (1 + fraction));
}

const neighbours = (value: number): number[] => {
  const bits = new BigInt64Array(Float64Array.of(value).buffer);
  return [-1n, 0n, 1n].map((step) => new Float64Array(BigInt64Array.of(bits[0]! + step).buffer)[0]!);
};

describe.each(definitions)("$dtype", (definition) => {
  const { dtype, exponentBits, fractionBits, nan, infinite, given } = definition;
  const signBit = 1 << (exponentBits + fractionBits);
  const bytes = Array.from({ length: 2 * signBit }, (_, byte) => byte);
  const positive = bytes.filter((byte) => byte < signBit && !nan(byte) && !infinite(byte));
  const numbers = positive.map((byte) => numberBy(definition, byte));
  const hasOneZero = nan(signBit);

  it("is the number that each byte says, and is found again by that number", () => {
    const meant = bytes.map((byte) => numberBy(definition, byte));
    expect(bytes.map((byte) => numberOfSmall(dtype, byte))).toEqual(meant);
    const kept = bytes.filter((byte) => !nan(byte));
    expect(kept.map((byte) => smallOfNumber(dtype, numberOfSmall(dtype, byte), { saturate: false }))).toEqual(kept);
    expect(rangeOfSmall(dtype)).toEqual([-numbers.at(-1)!, numbers.at(-1)!]);
  });

  it("is the nearest to numbers at, just below and just above every tie, of two the even one", () => {
    const wrong: number[] = [];
    const negative = (byte: number) => (hasOneZero && byte === 0 ? 0 : byte | signBit);
    positive.slice(1).forEach((byte, at) => {
      const below = positive[at]!;
      const tie = (numbers[at]! + numbers[at + 1]!) / 2;
      const meant = [below, below % 2 === 0 ? below : byte, byte];
      neighbours(tie).forEach((value, side) => {
        if (smallOfNumber(dtype, value) !== meant[side]) wrong.push(value);
        if (smallOfNumber(dtype, -value) !== negative(meant[side]!)) wrong.push(-value);
      });
    });
    expect(wrong).toEqual([]);
  });

  it("has a largest number, at which what is beyond stays or leaves the numbers", () => {
    const most = positive.at(-1)!;
    const largest = numbers.at(-1)!;
    // The format would go on with the same step; a tie with that number is beyond where the largest is odd.
    const tie = largest + (largest - numbers.at(-2)!) / 2;
    const [below, at, above] = neighbours(tie) as [number, number, number];
    const beyond = [above, 1e30, Infinity];
    const within = [largest, below];
    (most % 2 === 0 ? within : beyond).push(at);
    for (const value of within) {
      expect(isSmallNumber(dtype, value)).toBe(true);
      expect(smallOfNumber(dtype, -value, { saturate: false })).toBe(most | signBit);
    }
    for (const value of beyond) {
      expect(isSmallNumber(dtype, value)).toBe(value === Infinity && given.above === 0b01111100);
      expect([value, -value].map((each) => smallOfNumber(dtype, each))).toEqual([most, most | signBit]);
      const left = [value, -value].map((each) => smallOfNumber(dtype, each, { saturate: false }));
      expect(left).toEqual([given.above, given.below]);
    }
  });

  it("has one NaN, and zeros of both signs or of one", () => {
    const zero = hasOneZero ? 0 : signBit;
    expect([NaN, 0, -0, -5e-324].map((value) => smallOfNumber(dtype, value))).toEqual([given.nan, 0, zero, zero]);
    expect(isSmallNumber(dtype, NaN)).toBe(dtype !== "f4e2m1");
  });
});

describe("f8e8m0", () => {
  it("is a power of two from 2^-127 to 2^127, or NaN", () => {
    const bytes = Array.from({ length: 256 }, (_, byte) => byte);
    const numbers = bytes.map((byte) => (byte === 255 ? NaN : 2 ** (byte - 127)));
    expect(bytes.map((byte) => numberOfSmall("f8e8m0", byte))).toEqual(numbers);
    for (const rounding of ["up", "down", "nearest"] as const)
      expect(numbers.map((value) => smallOfNumber("f8e8m0", value, { rounding }))).toEqual(bytes);
  });

  it("is the next power up, the next down, or the nearest, of two the larger", () => {
    const of = (value: number, rounding: "up" | "down" | "nearest") => smallOfNumber("f8e8m0", value, { rounding });
    for (const exponent of [-127, -126, -60, 0, 1, 100, 126]) {
      const [code, power] = [exponent + 127, 2 ** exponent];
      for (const part of [1 + 2 ** -40, 1.25, 1.5 - 2 ** -40, 1.5, 1.75, 2 - 2 ** -40]) {
        const nearest = part < 1.5 ? code : code + 1;
        const found = (["up", "down", "nearest"] as const).map((rounding) => of(part * power, rounding));
        expect(found).toEqual([code + 1, code, nearest]);
      }
    }
  });

  it("is at its ends what is out of range, or NaN where nothing saturates; of negative numbers the magnitude counts", () => {
    const outside = [0, 1e-45, 2 ** -140, Infinity, 1.5 * 2 ** 127];
    expect(outside.map((value) => smallOfNumber("f8e8m0", value))).toEqual([0, 0, 0, 254, 254]);
    expect(outside.map((value) => smallOfNumber("f8e8m0", value, { saturate: false }))).toEqual(outside.map(() => 255));
    expect([NaN, -4, -0].map((value) => smallOfNumber("f8e8m0", value))).toEqual([255, 129, 0]);
    expect([1, 3, 0, -1, Infinity, NaN].map((value) => isSmallNumber("f8e8m0", value))).toEqual([
      true,
      true,
      false,
      false,
      false,
      true,
    ]);
  });
});

describe("small integers", () => {
  it("are the lower bits of a whole number", () => {
    const values = [-9, -8, -3, -1, 0, 1, 2, 3, 7, 8, 15, 16, 200];
    expect(values.map((value) => smallInteger("i4", value))).toEqual([7, -8, -3, -1, 0, 1, 2, 3, 7, -8, -1, 0, -8]);
    expect(values.map((value) => smallInteger("u4", value))).toEqual([7, 8, 13, 15, 0, 1, 2, 3, 7, 8, 15, 0, 8]);
    expect(values.map((value) => smallInteger("i2", value))).toEqual([-1, 0, 1, -1, 0, 1, -2, -1, -1, 0, -1, 0, 0]);
    expect(values.map((value) => smallInteger("u2", value))).toEqual([3, 0, 1, 3, 0, 1, 2, 3, 3, 0, 3, 0, 0]);
  });
});
