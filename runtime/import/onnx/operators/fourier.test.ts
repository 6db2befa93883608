// Fourier transforms of any length are the sums that they stand for, and cost what fast transforms cost.
import { describe, expect, it } from "vitest";
import { stack, type Tensor } from "../../../capture/tensor.ts";
import { trace } from "../../../capture/trace.ts";
import { countOf, staticShape, tensorType } from "../../../graph/tensor-type.ts";
import { given, valuesOf } from "../../../testing/traced.ts";
import { transform } from "./fourier.ts";

const joined = (real: Tensor, imaginary: Tensor | undefined, sign: 1 | -1): Tensor => {
  const found = transform({ real, imaginary }, sign);
  return stack([found.real, found.imaginary!], 0);
};

/** Numbers in (−1, 1) that no period divides. */
const numbers = (count: number, seed: number): number[] =>
  Array.from({ length: count }, (_, at) => Math.fround(Math.sin((at + 1) * (at + seed) * 0.7301)));

/** Σ_n x_n · e^(sign · 2πi · kn / N), term by term. */
function sums(real: readonly number[], imaginary: readonly number[], sign: 1 | -1): number[] {
  const size = real.length;
  const parts: [number[], number[]] = [[], []];
  const table = (of: (angle: number) => number) => real.map((_, at) => of((sign * 2 * Math.PI * at) / size));
  const [cosine, sine] = [table(Math.cos), table(Math.sin)];
  for (let k = 0; k < size; k++) {
    let [a, b] = [0, 0];
    for (let n = 0, at = 0; n < size; n++, at = (at + k) % size) {
      a += real[n]! * cosine[at]! - imaginary[n]! * sine[at]!;
      b += real[n]! * sine[at]! + imaginary[n]! * cosine[at]!;
    }
    parts[0].push(a);
    parts[1].push(b);
  }
  return parts.flat();
}

describe("a Fourier transform", () => {
  // Primes around where a product with a matrix costs more, one of them twice, and a product of two.
  it.each([1, 2, 60, 67, 128, 257, 521, 2 * 521, 67 * 71])("of %d numbers is their sum", (size) => {
    const all = [
      ["f32", 2 ** -24, 1],
      ["f64", 2 ** -53, -1],
    ] as const;
    // The sums of many numbers in float64 err as much as what they are held against.
    for (const [dtype, epsilon, sign] of size > 2000 ? all.slice(0, 1) : all) {
      const [real, imaginary] = [numbers(size, 1), numbers(size, 2)];
      const [x, y] = [real, imaginary].map((part) => given(dtype, part, [1, size])) as [
        ReturnType<typeof given>,
        ReturnType<typeof given>,
      ];
      const none = imaginary.map(() => 0);
      for (const [found, meant] of [
        [valuesOf({ x, y }, (v) => joined(v.x, v.y, sign)), sums(real, imaginary, sign)],
        [valuesOf({ x }, (v) => joined(v.x, undefined, sign)), sums(real, none, sign)],
      ] as const) {
        const mean = Math.sqrt(meant.reduce((sum, each) => sum + each * each, 0) / size);
        const worst = Math.max(...meant.map((each, at) => Math.abs(each - Number(found[at]))));
        expect(worst / mean / epsilon).toBeLessThan(8 * Math.log2(size + 1));
      }
    }
  });

  it("of many numbers has constants in the order of its length, also where that is a prime", () => {
    for (const size of [8192, 8191, 2 * 4093]) {
      const type = tensorType("f32", [1, size]);
      const graph = trace(({ x, y }) => ({ z: joined(x, y, -1) }), { x: type, y: type }, { name: "transform" });
      const all = graph.constants.map(({ value }) => countOf(staticShape(value.type.shape)));
      expect(all.reduce((a, b) => a + b, 0)).toBeLessThan(40 * size);
    }
  });
});
