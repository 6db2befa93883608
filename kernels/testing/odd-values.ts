// Values at which operations behave oddly, for tests of kernels.
import { isHalf, isSmallFloat } from "../dtype.ts";
import { rangeOf } from "../loop/arithmetic.ts";
import type { Scalar } from "../loop/ir.ts";

const floats = [0, -0, 1, -1, 0.5, 1.5, 2.5, -2.5, 3, 1e-3, 127.5, -129, 255.5, 65536.5, 2 ** 31, -(2 ** 31), 2 ** 32];
const extremes = [2 ** 63, -(2 ** 63), 2 ** 64, 16777217, 1e10, Infinity, -Infinity, Number.NaN, 5e-324, 2 ** -126];
const float32Only = [2 ** -149, 2 ** -127, 3.4028234663852886e38, 1.1754942106924411e-38];
const float64Only = [2 ** -1022, 2 ** -1060, Number.MAX_VALUE, 0.1, 2 ** 53 + 2];

const ofHalves = [
  65504,
  65519,
  65520,
  2 ** -14,
  2 ** -24,
  2 ** -25,
  1.5 * 2 ** -24,
  3.3895313892515355e38,
  2 ** -133,
  1.5 * 2 ** -133,
];
const ofSmallFloats = [448, 464, 465, 240, 248, 57344, 61440, 6, 7, 0.25, 0.75, 2 ** -9, 2 ** -10, 2 ** -17, 2 ** -127];
/** Near ties of halves, by less than f32 can tell. */
const nearTies = [1 + 2 ** -11, 1 + 2 ** -8].flatMap((tie) => [tie, tie + 2 ** -50, tie - 2 ** -50, -tie - 2 ** -50]);

/** Floats at which functions behave oddly. The golden bits of functions are those of these arguments: the list stays as it is. */
export const oddArguments = {
  f32: [...floats, ...extremes, ...float32Only].map(Math.fround),
  f64: [...floats, ...extremes, ...float64Only],
} as const;

/** Values at which operations behave oddly, as constants and as data. */
export function oddValues(scalar: Scalar): readonly (number | bigint)[] {
  if (scalar === "bool") return [0, 1];
  if (scalar === "f32") return [...oddArguments.f32, ...ofHalves.map(Math.fround)];
  if (scalar === "f64") return [...oddArguments.f64, ...ofHalves, ...nearTies];
  if (isHalf(scalar)) return [...floats, ...extremes, ...ofHalves];
  if (isSmallFloat(scalar)) return [...floats, ...extremes, ...ofSmallFloats];
  const [low, high] = rangeOf(scalar);
  const small = [0n, 1n, 2n, 3n, 7n, 31n, 63n, 100n, -1n, -2n, -7n];
  const all = [...small.filter((v) => v >= low), low, low + 1n, high, high - 1n, high / 2n, high / 3n];
  if (scalar !== "i64" && scalar !== "u64") return all.map(Number);
  // Just above ties of f32 and bf16, by less than f64 can tell.
  return [...all, (1n << 60n) + (1n << 36n) + 1n, (1n << 53n) + 1n, (1n << 62n) + (1n << 54n) + 1n];
}
