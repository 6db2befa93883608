// The software fma against exact rational arithmetic on BigInt, and on cases made by hand.
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fma32, fma64 } from "./softfma.ts";

interface Format {
  readonly name: string;
  readonly fma: (a: number, b: number, c: number) => number;
  /** Bits of the significand, the exponent of the smallest subnormal, the largest finite value. */
  readonly precision: number;
  readonly smallest: number;
  readonly largest: number;
  readonly bytes: 4 | 8;
}

const formats: readonly Format[] = [
  { name: "f32", fma: fma32, precision: 24, smallest: -149, largest: 2 ** 127 * (2 - 2 ** -23), bytes: 4 },
  { name: "f64", fma: fma64, precision: 53, smallest: -1074, largest: Number.MAX_VALUE, bytes: 8 },
];

/** Every finite number is a multiple of 2^−1074, every product of 2^−2148; midpoints need one bit more. */
const unit = 2149;

/** x in units of 2^−2149, exactly. */
function exact(x: number): bigint {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const field = (bits >> 52n) & 0x7ffn;
  const fraction = bits & ((1n << 52n) - 1n);
  const magnitude = field === 0n ? fraction : (fraction + (1n << 52n)) << (field - 1n);
  return (x < 0 ? -magnitude : magnitude) << BigInt(unit - 1074);
}

const view = new DataView(new ArrayBuffer(8));
const toBits = (x: number, bytes: 4 | 8): bigint => {
  if (bytes === 4) view.setFloat32(0, x);
  else view.setFloat64(0, x);
  return bytes === 4 ? BigInt(view.getUint32(0)) : view.getBigUint64(0);
};
const fromBits = (bits: bigint, bytes: 4 | 8): number => {
  if (bytes === 4) view.setUint32(0, Number(bits));
  else view.setBigUint64(0, bits);
  return bytes === 4 ? view.getFloat32(0) : view.getFloat64(0);
};

/** Whether `result` is the format's number nearest to a·b + c, of two equally near the even one. */
function isNearest(format: Format, a: number, b: number, c: number, result: number): boolean {
  const wanted = ((exact(a) * exact(b)) >> BigInt(unit)) + exact(c);
  const { bytes, largest } = format;
  const magnitude = wanted < 0n ? -wanted : wanted;
  if (wanted === 0n) return result === 0;
  if ((result < 0 || Object.is(result, -0)) !== wanted < 0n) return false;
  // Where the format ends, the next number would be 2^exponent: half way there, and beyond, is infinite.
  const top = exact(largest);
  const lastPlace = top - exact(fromBits(toBits(largest, bytes) - 1n, bytes));
  if (!Number.isFinite(result)) return 2n * magnitude >= 2n * top + lastPlace;
  const bits = toBits(Math.abs(result), bytes);
  const here = exact(Math.abs(result));
  const above = Math.abs(result) === largest ? here + lastPlace : exact(fromBits(bits + 1n, bytes));
  const below = bits === 0n ? undefined : exact(fromBits(bits - 1n, bytes));
  const even = (bits & 1n) === 0n;
  const fitsAbove = even ? 2n * magnitude <= here + above : 2n * magnitude < here + above;
  if (!fitsAbove) return false;
  return below === undefined || (even ? 2n * magnitude >= here + below : 2n * magnitude > here + below);
}

/** Numbers of a format by their bits, with small and equal exponents often, so that sums cancel and reach both ends. */
function finite({ bytes, precision, smallest, largest }: Format): fc.Arbitrary<number> {
  const any = fc.bigInt({ min: 0n, max: (1n << BigInt(8 * bytes)) - 1n }).map((bits) => fromBits(bits, bytes));
  const scaled = fc
    .tuple(fc.bigInt({ min: 0n, max: (1n << BigInt(precision)) - 1n }), fc.integer({ min: -60, max: 60 }))
    .map(([mantissa, exponent]) => Number(mantissa) * 2 ** (exponent - precision));
  const short = fc
    .tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: smallest, max: Math.floor(-smallest / 2) }))
    .map(([mantissa, exponent]) => mantissa * 2 ** exponent);
  const edge = fc.constantFrom(largest, -largest, 2 ** smallest, -(2 ** smallest), 1, -1, 0, -0);
  return fc
    .oneof(any, any, scaled, scaled, short, edge)
    .map((x) => (bytes === 4 ? Math.fround(x) : x))
    .filter(Number.isFinite);
}

for (const format of formats) {
  describe(`fma of ${format.name}`, () => {
    const { fma, bytes, precision, smallest, largest } = format;
    const number = finite(format);
    const check = (a: number, b: number, c: number) => {
      const result = fma(a, b, c);
      expect({ a, b, c, result, nearest: isNearest(format, a, b, c, result) }).toMatchObject({ nearest: true });
    };

    it("is the nearest number to the exact result", () => {
      fc.assert(fc.property(number, number, number, check), { numRuns: 6000 });
    });

    it("is the nearest number where the addend cancels the product", () => {
      const nudge = fc.bigInt({ min: -3n, max: 3n });
      fc.assert(
        fc.property(number, number, nudge, (a, b, by) => {
          const product = bytes === 4 ? Math.fround(a * b) : a * b;
          fc.pre(Number.isFinite(product) && product !== 0);
          const c = fromBits(toBits(-product, bytes) + by, bytes);
          fc.pre(Number.isFinite(c));
          check(a, b, c);
        }),
        { numRuns: 4000 },
      );
    });

    it("breaks ties to even, and only ties", () => {
      // 1 + half a place, with a tiny addend that says which way.
      const half = 2 ** -precision;
      expect(fma(half, 1, 1)).toBe(1);
      expect(fma(half, 1, 1 + 2 * half)).toBe(1 + 4 * half);
      const factor = 1 + 2 ** (1 - precision);
      for (const tiny of [2 ** smallest, 2 ** (smallest + 40), 2 ** (-2 * precision)]) {
        for (const sign of [1, -1]) {
          check(factor, factor, sign * tiny);
          check(1, 1 + half * 2, sign * tiny);
          check(half * factor, 1, sign);
        }
      }
      fc.assert(
        fc.property(
          fc.bigInt({ min: 1n << BigInt(precision - 1), max: (1n << BigInt(precision)) - 1n }),
          fc.integer({ min: -20, max: 20 }),
          fc.constantFrom(-1, 0, 1),
          (mantissa, exponent, side) => {
            // mantissa + 1/2 exactly, or beside it by the smallest factor that the format has.
            const c = Number(mantissa) * 2 ** exponent;
            check(2 ** (exponent - 1), 1 + side * 2 ** (1 - precision), c);
          },
        ),
        { numRuns: 1000 },
      );
    });

    it("rounds once into the subnormals and at the end of the range", () => {
      const least = 2 ** smallest;
      check(least, 0.5, least);
      check(least, 0.5, 0);
      check(least * 3, 0.5, least);
      check(2 ** (smallest / 2 - (smallest % 2 ? 0.5 : 0)), 2 ** Math.ceil(smallest / 2), -least);
      check(largest, 2, -largest);
      check(largest, 1, largest * 2 ** -precision);
      check(largest, 1, largest * 2 ** -(precision + 1));
      expect(fma(largest, 2, -largest)).toBe(largest);
      expect(fma(largest, 2, 0)).toBe(Infinity);
      expect(fma(-largest, largest, largest)).toBe(-Infinity);
    });

    it("keeps the signs of zeros and passes infinities and NaN", () => {
      const least = 2 ** smallest;
      const cases: readonly (readonly [number, number, number, number])[] = [
        [0, 1, 0, 0],
        [-0, 1, -0, -0],
        [-0, 1, 0, 0],
        [1, 1, -1, 0],
        [-1, 1, 1, 0],
        [-least, least, 0, -0],
        [least, least, -0, 0],
        [-0, 5, 3, 3],
        [Infinity, 1, -1, Infinity],
        [Infinity, 0, 1, Number.NaN],
        [Infinity, 1, -Infinity, Number.NaN],
        [largest, largest, -Infinity, -Infinity],
        [Number.NaN, 0, 0, Number.NaN],
        [1, 1, Number.NaN, Number.NaN],
      ];
      for (const [a, b, c, result] of cases) expect(fma(a, b, c)).toBe(result);
    });
  });
}
