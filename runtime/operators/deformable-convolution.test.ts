// Deformable convolution with the values of ONNX's own tests, and as an ordinary convolution where nothing is moved.
import { describe, expect, it } from "vitest";
import { constant, conv2d, deformConv2d, type Tensor, zeros } from "../index.ts";
import { given, valuesOf } from "../testing/traced.ts";

const nine = [0, 1, 2, 3, 4, 5, 6, 7, 8];

/** Distances that are 0 but for some. */
const distances = (shape: readonly number[], moved: Readonly<Record<number, number>>) =>
  given(
    "f32",
    Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => moved[i] ?? 0),
    shape,
  );
const ones = (x: Tensor<"f32">, shape: readonly number[]) => x.sum().mul(0).add(1).broadcastTo(shape);
const rounded = (values: readonly (number | bigint)[]) => values.map((each) => Math.round(Number(each) * 1e5) / 1e5);

describe("deformable convolution", () => {
  it("samples where ONNX's tests say, with padding, a mask and a bias, and groups of distances", () => {
    const x = given("f32", nine, [1, 1, 3, 3]);
    const padded = valuesOf({ x, offset: distances([1, 8, 4, 4], { 0: 0.5, 86: -0.1 }) }, ({ x, offset }) =>
      deformConv2d(x, offset, ones(x, [1, 1, 2, 2]), { padding: 1 }),
    );
    expect(rounded(padded)).toEqual([0, 1, 3, 2, 3, 8, 11.9, 7, 9, 20, 24, 13, 6, 13, 15, 8]);
    const mask = given("f32", [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.2, 1, 1, 1, 1], [1, 4, 2, 2]);
    const masked = valuesOf({ x, mask, offset: distances([1, 8, 2, 2], { 0: 0.5, 21: -0.1 }) }, ({ x, mask, offset }) =>
      deformConv2d(x, offset, ones(x, [1, 1, 2, 2]), { mask, bias: constant([1], "f32") }),
    );
    expect(rounded(masked)).toEqual([10.5, 12.9, 21, 19.4]);
    const two = given("f32", [...nine, ...[...nine].reverse()], [1, 2, 3, 3]);
    const grouped = valuesOf({ x: two, offset: distances([1, 16, 2, 2], { 0: 0.5, 53: -0.1 }) }, ({ x, offset }) =>
      deformConv2d(x, offset, ones(x, [1, 2, 2, 2])),
    );
    expect(rounded(grouped)).toEqual([33.5, 32.1, 32, 32]);
  });

  it("is a convolution where all distances are 0, whatever the steps and groups", () => {
    const x = given(
      "f64",
      Array.from({ length: 2 * 4 * 30 }, (_, i) => Math.sin(i * i)),
      [2, 4, 5, 6],
    );
    const weight = Array.from({ length: 6 * 2 * 2 * 3 }, (_, i) => Math.cos(i * i));
    const options = { stride: [2, 1], padding: [1, 2], paddingAfter: [2, 0], dilation: [1, 2] } as const;
    const difference = valuesOf({ x }, ({ x }) => {
      const w = constant(weight, "f64", [6, 2, 2, 3]);
      const plain = conv2d(x, w, { ...options, groups: 2 });
      const offset = zeros("f64", [2, 4 * 6, ...plain.shape.slice(2)]);
      return deformConv2d(x, offset, w, options).sub(plain).abs();
    });
    expect(difference.length).toBeGreaterThan(40);
    expect(Math.max(...difference.map(Number))).toBeLessThan(1e-12);
  });

  it.each([
    ["distances for other outputs", [1, 8, 3, 2], [1, 1, 2, 2], "the distances are for outputs of 2,2"],
    ["an odd number of distances", [1, 7, 2, 2], [1, 1, 2, 2], "the distances are two"],
    ["a weight for more channels", [1, 8, 2, 2], [1, 2, 2, 2], "1 channels do not fit a weight for 2"],
  ])("refuses %s", (_, offset, weight, message) => {
    const x = given("f32", nine, [1, 1, 3, 3]);
    expect(() =>
      valuesOf({ x, offset: distances(offset, {}) }, ({ x, offset }) => deformConv2d(x, offset, ones(x, weight))),
    ).toThrow(message);
  });
});
