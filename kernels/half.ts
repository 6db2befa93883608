// Floats of 16 bits, by their bits: what number they are, and which is nearest to a number.
import type { Half } from "./loop/ir.ts";

/** The bits of the fraction and the exponent of the least normal number. */
const formats = { f16: { fraction: 10, least: -14 }, bf16: { fraction: 7, least: -126 } } as const;

const infinityOf = (half: Half): number => 0x7fff - ((1 << formats[half].fraction) - 1);

/** The one NaN that programs give: quiet, its sign clear and its payload empty. */
const nanOf = (half: Half): number => infinityOf(half) | (1 << (formats[half].fraction - 1));

/** The number that 16 bits are. Exact. */
export function numberOfHalf(half: Half, bits: number): number {
  const { fraction, least } = formats[half];
  const unit = 2 ** (least - fraction);
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits & 0x7fff) >> fraction;
  const digits = bits & ((1 << fraction) - 1);
  if ((bits & 0x7fff) >= infinityOf(half)) return digits === 0 ? sign * Infinity : Number.NaN;
  return exponent === 0 ? sign * digits * unit : sign * (digits + (1 << fraction)) * unit * 2 ** (exponent - 1);
}

const view = new DataView(new ArrayBuffer(8));

/** The exponent of the power of two at or below a magnitude that is finite; −1023 of those below f64's normal numbers. */
export function exponentOf(magnitude: number): number {
  view.setFloat64(0, magnitude);
  return ((view.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** The bits of the half that is nearest to a number, of two the even one: one rounding, whatever the number. */
export function halfOfNumber(half: Half, value: number): number {
  const { fraction, least } = formats[half];
  if (Number.isNaN(value)) return nanOf(half);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign | infinityOf(half);
  const exponent = Math.max(exponentOf(magnitude), least);
  // Scaled by a power of two, which is exact, to where units are the half's last digit.
  const scaled = magnitude * 2 ** (fraction - exponent);
  const low = Math.floor(scaled);
  const up = scaled - low;
  const digits = up > 0.5 || (up === 0.5 && low % 2 === 1) ? low + 1 : low;
  // What is carried over goes on into the exponent, and beyond the largest number into infinity.
  return sign | Math.min(digits + (exponent - least) * (1 << fraction), infinityOf(half));
}

/** The same bits, but of a NaN those of the one. */
export const canonicalHalf = (half: Half, bits: number): number =>
  (bits & 0x7fff) > infinityOf(half) ? nanOf(half) : bits;
