// Remainders and floor division of floats against JavaScript's %, which is exact.
import { describe, expect, it } from "vitest";
import { expectAgreement, newArray } from "../testing/agreement.ts";
import { type ElementaryFunction, kernelOf, random } from "../testing/function-accuracy.ts";
import { runNative } from "../testing/native-kernel.ts";
import { oddValues } from "../testing/odd-values.ts";
import { floorDivide, remainder } from "./index.ts";

type Float = "f32" | "f64";
type Pairs = readonly (readonly [number, number])[];

/** One side of each pair, or what a function makes of both. */
function column(scalar: Float, all: Pairs, of: (a: number, b: number) => number): Float32Array | Float64Array {
  const values = all.map(([a, b]) => of(a, b));
  return scalar === "f32" ? Float32Array.from(values) : Float64Array.from(values);
}
const operandsOf = (scalar: Float, all: Pairs) => [column(scalar, all, (a) => a), column(scalar, all, (_, b) => b)];

/** Pairs whose quotients are of every size, and all pairs of odd values. */
function pairs(scalar: Float): Pairs {
  const next = random(5);
  const [low, high] = scalar === "f32" ? [-149, 128] : [-1074, 1024];
  const any = () => {
    const x = 2 ** (low + next() * (high - low)) * (next() < 0.5 ? -1 : 1);
    return scalar === "f32" ? Math.fround(x) : x;
  };
  const odd = oddValues(scalar).map(Number);
  const whole = () => Math.floor((next() - 0.5) * 40);
  return [
    ...odd.flatMap((a) => odd.map((b) => [a, b] as const)),
    ...Array.from({ length: 3000 }, () => [any(), any()] as const),
    ...Array.from({ length: 500 }, () => [whole() / 4, whole() / 4] as const),
    ...Array.from({ length: 500 }, () => {
      const b = any();
      return [Math.floor(next() * 2 ** 20) * b, b] as const;
    }),
  ].map(([a, b]): readonly [number, number] => (scalar === "f32" ? [Math.fround(a), Math.fround(b)] : [a, b]));
}

/** Python's and PyTorch's: the sign is the divisor's. */
function remainderOf(a: number, b: number): number {
  const rest = a % b;
  return rest !== 0 && rest < 0 !== b < 0 ? rest + b : rest;
}

/** Python's and PyTorch's. */
function floorDivision(a: number, b: number): number {
  if (b === 0) return a / b;
  const rest = a % b;
  const quotient = (a - rest) / b - Number(rest !== 0 && rest < 0 !== b < 0);
  if (quotient === 0) return a / b < 0 || Object.is(a / b, -0) ? -0 : 0;
  const low = Math.floor(quotient);
  return quotient - low > 0.5 ? low + 1 : low;
}

const functions: readonly (readonly [string, ElementaryFunction, (a: number, b: number) => number])[] = [
  ["remainder", remainder as ElementaryFunction, remainderOf],
  ["floorDivide", floorDivide as ElementaryFunction, floorDivision],
];

describe("division of floats", () => {
  for (const scalar of ["f32", "f64"] as const)
    for (const [name, f, reference] of functions) {
      it(`${name} in ${scalar} is exact for quotients of every size, infinities, zeros and NaN`, async () => {
        const all = pairs(scalar);
        const found = newArray(scalar, all.length);
        await runNative(kernelOf(name, f, scalar, 2, all.length), [...operandsOf(scalar, all), found]);
        const meant = column(scalar, all, reference);
        const wrong = all.findIndex((_, at) => !Object.is(found[at], meant[at]));
        expect(wrong, `${name}(${all[wrong]}) gave ${found[wrong]}, meant ${meant[wrong]}`).toBe(-1);
      });
    }

  it("gives the interpreter's bits on every target that runs here", async () => {
    for (const scalar of ["f32", "f64"] as const) {
      const all = pairs(scalar).filter((_, at) => at % 40 === 0);
      for (const [name, f] of functions) {
        const operands = operandsOf(scalar, all);
        await expectAgreement(kernelOf(name, f, scalar, 2, all.length), [...operands, newArray(scalar, all.length)]);
      }
    }
  });

  it("a remainder has the divisor's sign, as in PyTorch", async () => {
    // torch.remainder(torch.tensor([-7., 7., -4., 1e10]), torch.tensor([3., -3., 2., 3.]))
    const found = new Float32Array(4);
    await runNative(kernelOf("remainder", remainder as ElementaryFunction, "f32", 2, 4), [
      Float32Array.of(-7, 7, -4, 1e10),
      Float32Array.of(3, -3, 2, 3),
      found,
    ]);
    expect([...found]).toEqual([2, -2, -0, 1]);
  });
});
