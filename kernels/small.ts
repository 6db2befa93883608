// Floats and integers of 8, 4 and 2 bits, one to a byte: what number a byte is, and which byte a number becomes.
import { exponentOf } from "./half.ts";
import type { Narrowing, SmallFloat, SmallInteger } from "./loop/ir.ts";

/** A small float that has a sign and a fraction. */
export interface SmallFormat {
  /** Bits of the fraction. */
  readonly fraction: number;
  readonly bias: number;
  /** The bit of the sign. */
  readonly sign: number;
  /** The bits of the largest number. */
  readonly most: number;
  /** What stands above it where nothing saturates: the bits of infinity or of a NaN, to which the sign is added. */
  readonly beyond: number;
  readonly infinity?: number;
  readonly nan: number;
  /** Whether the bits of a negative zero are those of NaN. */
  readonly oneZero: boolean;
}

/** `f8e8m0` is no such format: it is an exponent and nothing else. */
export type SignedSmallFloat = Exclude<SmallFloat, "f8e8m0">;

/** The formats of the OCP's and of Graphcore's papers, as ONNX's page on each has them; the NaN of `f4e2m1`, which has none, is that of ONNX's casts. */
export const smallFormats: { readonly [D in SignedSmallFloat]: SmallFormat } = {
  f8e4m3fn: { fraction: 3, bias: 7, sign: 0x80, most: 0x7e, beyond: 0x7f, nan: 0x7f, oneZero: false },
  f8e4m3fnuz: { fraction: 3, bias: 8, sign: 0x80, most: 0x7f, beyond: 0x80, nan: 0x80, oneZero: true },
  f8e5m2: { fraction: 2, bias: 15, sign: 0x80, most: 0x7b, beyond: 0x7c, infinity: 0x7c, nan: 0x7e, oneZero: false },
  f8e5m2fnuz: { fraction: 2, bias: 16, sign: 0x80, most: 0x7f, beyond: 0x80, nan: 0x80, oneZero: true },
  f4e2m1: { fraction: 1, bias: 1, sign: 8, most: 7, beyond: 7, nan: 8, oneZero: false },
};

/** The exponent of the byte 0 of `f8e8m0`, whose last byte is NaN. */
const least8 = -127;
const nan8 = 0xff;
const largestFloat32 = 3.4028234663852886e38;

/** The number that a byte is. Exact. */
export function numberOfSmall(dtype: SmallFloat, byte: number): number {
  if (dtype === "f8e8m0") return byte === nan8 ? Number.NaN : 2 ** (byte + least8);
  const { fraction, bias, sign, most, infinity, nan, oneZero } = smallFormats[dtype];
  const code = byte & (sign - 1);
  const factor = byte & sign ? -1 : 1;
  if (oneZero && byte === nan) return Number.NaN;
  if (code > most) return code === infinity ? factor * Infinity : Number.NaN;
  const unit = 2 ** (1 - bias - fraction);
  const exponent = code >> fraction;
  const digits = code & ((1 << fraction) - 1);
  return factor * (exponent === 0 ? digits * unit : (digits + (1 << fraction)) * unit * 2 ** (exponent - 1));
}

/** The power of two of `f8e8m0` that a magnitude becomes; what float32 does not hold is as its largest number. */
function powerOf(magnitude: number, { saturate = true, rounding = "up" }: Narrowing): number {
  if (magnitude === Infinity) return saturate ? nan8 - 1 : nan8;
  const value = Math.min(magnitude, largestFloat32);
  const below = exponentOf(value);
  const power = 2 ** below;
  const up = rounding === "up" ? value > power : rounding === "nearest" && value >= 1.5 * power;
  const code = below + (up ? 1 : 0) - least8;
  if (code < 0) return saturate ? 0 : nan8;
  return code > nan8 - 1 ? (saturate ? nan8 - 1 : nan8) : code;
}

/**
 * The byte of the small float that is nearest to a number, of two the even one, in one rounding: too large numbers and infinities as
 * `narrowing` says, NaN the format's one. To `f8e8m0` goes the magnitude, rounded as `narrowing` says.
 */
export function smallOfNumber(dtype: SmallFloat, value: number, narrowing: Narrowing = {}): number {
  if (dtype === "f8e8m0") return Number.isNaN(value) ? nan8 : powerOf(Math.abs(value), narrowing);
  const { sign, most, beyond, nan, oneZero } = smallFormats[dtype];
  if (Number.isNaN(value)) return nan;
  const negative = value < 0 || Object.is(value, -0) ? sign : 0;
  const code = codeOf(dtype, Math.abs(value));
  const limited = code > most ? ((narrowing.saturate ?? true) ? most : beyond) : code;
  return oneZero && limited === 0 ? 0 : limited | negative;
}

/** The bits of a magnitude, rounded; above the largest number those with which the format would go on. */
function codeOf(dtype: SignedSmallFloat, magnitude: number): number {
  const { fraction, bias, most } = smallFormats[dtype];
  const least = 1 - bias;
  // Infinity is as far as twice the largest number.
  const bounded = Math.min(magnitude, 2 * numberOfSmall(dtype, most));
  const exponent = Math.max(exponentOf(bounded), least);
  // Scaled by a power of two, which is exact, to where units are the last digit.
  const scaled = bounded * 2 ** (fraction - exponent);
  const low = Math.floor(scaled);
  const above = scaled - low;
  const digits = above > 0.5 || (above === 0.5 && low % 2 === 1) ? low + 1 : low;
  // What is carried over goes on into the exponent.
  return digits + (exponent - least) * (1 << fraction);
}

/** Whether a small float has an element of this value, rounded but not saturated. */
export function isSmallNumber(dtype: SmallFloat, value: number): boolean {
  if (Number.isNaN(value)) return dtype !== "f4e2m1";
  if (dtype === "f8e8m0") return value > 0 && powerOf(value, { saturate: false }) !== nan8;
  const { most, infinity } = smallFormats[dtype];
  return Math.abs(value) === Infinity ? infinity !== undefined : codeOf(dtype, Math.abs(value)) <= most;
}

/** The least and the greatest finite number of a small float. */
export function rangeOfSmall(dtype: SmallFloat): readonly [number, number] {
  if (dtype === "f8e8m0") return [numberOfSmall(dtype, 0), numberOfSmall(dtype, nan8 - 1)];
  const greatest = numberOfSmall(dtype, smallFormats[dtype].most);
  return [-greatest, greatest];
}

/** Bits of each small integer. */
export const smallBits: { readonly [D in SmallInteger]: number } = { i4: 4, u4: 4, i2: 2, u2: 2 };

/** The small integer in the lower bits of a whole number. */
export function smallInteger(dtype: SmallInteger, value: number): number {
  const unread = 32 - smallBits[dtype];
  return dtype.startsWith("i") ? (value << unread) >> unread : (value << unread) >>> unread;
}
