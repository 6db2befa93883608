// PyTorch's functions of what numbers are made of: common divisors and multiples, mantissas and exponents, neighbours.
import { type Dtype, isFloatDtype } from "../../../../kernels/index.ts";
import { whileLoop } from "../../../capture/control-flow.ts";
import { constant, type Tensor, where } from "../../../capture/tensor.ts";
import { cast, type TorchCall, unsupportedTorch } from "../call.ts";
import { operator, type TorchOperator } from "./definition.ts";

type Whole = Tensor<"i64">;
type Float = Tensor<"f32">;

/** Euclid's algorithm ends after fewer divisions, which Fibonacci's numbers below 2⁶³ take. */
const mostDivisions = 92;

/** Both as 64-bit integers of one shape, and the dtype that they share. */
function wholes(call: TorchCall, name: string): readonly [Whole, Whole, Dtype] {
  const [a, b] = call.promoted(["self", "other"]) as [Tensor, Tensor];
  if (isFloatDtype(a.dtype) || a.dtype === "bool") throw unsupportedTorch(`${name} of ${a.dtype}`, "give integers");
  const [x, y] = [cast(a, "i64") as Whole, cast(b, "i64") as Whole];
  const none = x.mul(0).add(y.mul(0));
  return [x.add(none), y.add(none), a.dtype];
}

/** The largest number that divides both, 0 of two zeros. */
function commonDivisor(x: Whole, y: Whole): Whole {
  return whileLoop(
    ({ b }) => b.notEqual(0).any() as Tensor<"bool">,
    ({ a, b }) => {
      const isDone = b.equal(0);
      return {
        a: where(isDone, a, b) as Whole,
        b: where(isDone, b, a.remainder(where(isDone, constant(1, "i64"), b) as Whole)) as Whole,
      };
    },
    { a: x.abs() as Whole, b: y.abs() as Whole },
    { atMost: mostDivisions + 1 },
  ).a;
}

function commonMultiple(x: Whole, y: Whole): Whole {
  const divisor = commonDivisor(x, y);
  const isNone = divisor.equal(0);
  return x
    .div(where(isNone, constant(1, "i64"), divisor) as Whole)
    .mul(y)
    .abs() as Whole;
}

/** Powers of two that take any number of a dtype to between ½ and 1, one after the other, in exact steps. */
const scales = { f32: [64, 32, 16, 8, 4, 2, 1], f64: [512, 256, 128, 64, 32, 16, 8, 4, 2, 1] } as const;

/** x = mantissa · 2^exponent, the mantissa's magnitude from ½ to 1; zeros and what is not finite are their own mantissas. */
function parts(x: Float): { readonly mantissa: Float; readonly exponent: Tensor<"i32"> } {
  const own = scales[x.dtype as keyof typeof scales];
  const whole = (value: number) => constant(value, "i32");
  const isPlain = x.isFinite().and(x.notEqual(0));
  let mantissa = where(isPlain, x.abs(), constant(0.5, x.dtype)) as Float;
  let exponent = cast(isPlain, "i32").mul(0) as Tensor<"i32">;
  const step = (is: Tensor<"bool">, by: number) => {
    mantissa = where(is, mantissa.mul(2 ** -by), mantissa) as Float;
    exponent = exponent.add(where(is, whole(by), whole(0)) as Tensor<"i32">);
  };
  for (const each of [...own, 1]) step(mantissa.greaterEqual(2 ** (each - 1)), each);
  for (const each of [own[0], ...own]) step(mantissa.less(2 ** -each), -each);
  return { mantissa: where(isPlain, where(x.less(0), mantissa.neg(), mantissa), x) as Float, exponent };
}

const precisions = {
  f32: { bits: 24, least: 2 ** -149, most: 3.4028234663852886e38 },
  f64: { bits: 53, least: Number.MIN_VALUE, most: Number.MAX_VALUE },
} as const;

/** The next number that the dtype has after x, on the way to y. */
function neighbour(x: Float, y: Float): Tensor {
  const { bits, least, most } = precisions[x.dtype as keyof typeof precisions];
  const number = (value: number) => constant(value, x.dtype) as Float;
  const size = x.abs();
  const isPlain = x.isFinite().and(x.notEqual(0));
  const mantissa = where(isPlain, parts(x).mantissa.abs(), number(0.5)) as Float;
  // Half of the power of two above x is a number also where that power is none.
  const gap = size.div(mantissa.mul(2)).mul(2 ** (1 - bits));
  const below = where(mantissa.equal(0.5), gap.mul(0.5), gap) as Float;
  const isAway = y.greater(x).equal(x.greater(0));
  const next = where(isAway, size.add(gap.maximum(least)), size.sub(below.maximum(least))) as Float;
  const ended = where(size.isInf(), number(most), next) as Float;
  const signed = where(x.less(0), ended.neg(), ended);
  const fromZero = where(y.less(0), number(-least), number(least));
  const moved = where(x.equal(0), fromZero, signed);
  const found = where(x.equal(y), y, moved);
  return where(x.isNaN().or(y.isNaN()), number(Number.NaN), found);
}

export const numberParts: readonly TorchOperator[] = [
  operator("gcd(Tensor self, Tensor other) -> Tensor", (call) => {
    const [x, y, dtype] = wholes(call, "gcd");
    return cast(commonDivisor(x, y), dtype);
  }),
  operator("lcm(Tensor self, Tensor other) -> Tensor", (call) => {
    const [x, y, dtype] = wholes(call, "lcm");
    return cast(commonMultiple(x, y), dtype);
  }),
  operator("frexp.Tensor(Tensor self) -> (Tensor, Tensor)", (call) => {
    const x = call.tensor("self");
    if (!isFloatDtype(x.dtype)) throw unsupportedTorch(`frexp of ${x.dtype}`, "convert to float32 or float64 before");
    const { mantissa, exponent } = parts((x.dtype === "f64" ? x : cast(x, "f32")) as Float);
    return [cast(mantissa, x.dtype), exponent];
  }),
  operator("nextafter(Tensor self, Tensor other) -> Tensor", (call) => {
    const [x, y] = call.promoted(["self", "other"]) as [Float, Float];
    if (!(x.dtype in precisions)) throw unsupportedTorch(`nextafter of ${x.dtype}`, "convert to float32 or float64");
    return neighbour(x, y);
  }),
];
