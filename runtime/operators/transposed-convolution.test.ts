// Transposed convolutions small enough to be spread by hand, and one whose constant weights go through the blocked kernels.
import { describe, expect, it } from "vitest";
import { compile } from "../compiler/compile.ts";
import {
  constant,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  explain,
  Interpreter,
  load,
  type TransposedConvolutionOptions,
  tensorType,
  trace,
} from "../index.ts";

/** x[1,1,2,2] = 1, 2, 3, 4 spread over the weight 1, 10, 100, 1000. */
function spread(options: TransposedConvolutionOptions): { readonly shape: number[]; readonly y: number[] } {
  const graph = trace(
    ({ x }) => ({ y: convTranspose2d(x, constant([1, 10, 100, 1000], "f32", [1, 1, 2, 2]), options) }),
    { x: tensorType("f32", [1, 1, 2, 2]) },
    { name: "spread" },
  );
  const { y } = new Interpreter(graph).run({ x: Float32Array.of(1, 2, 3, 4) });
  return { shape: [...graph.outputs[0]!.value.type.shape.slice(2)] as number[], y: [...y] };
}

describe("transposed convolution", () => {
  it("adds up what each input spreads", () => {
    expect(spread({})).toEqual({ shape: [3, 3], y: [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000] });
  });

  it("keeps what does not overlap apart with a stride, and adds zeros or cuts at the ends", () => {
    expect(spread({ stride: [2, 1] })).toEqual({
      shape: [4, 3],
      y: [1, 12, 20, 100, 1200, 2000, 3, 34, 40, 300, 3400, 4000],
    });
    expect(spread({ stride: 2, padding: 1 })).toEqual({ shape: [2, 2], y: [1000, 200, 30, 4] });
    expect(spread({ stride: [1, 2], padding: [1, 0], outputPadding: [0, 1] })).toEqual({
      shape: [1, 5],
      y: [103, 1030, 204, 2040, 0],
    });
  });

  it("of constant weights is one blocked convolution per phase", async () => {
    const weight = Float32Array.from({ length: 16 * 8 * 4 * 4 }, (_, i) => Math.sin(i * i));
    const graph = trace(
      ({ x }) => ({
        y: convTranspose2d(x, constant(weight, "f32", [16, 8, 4, 4], "w"), { stride: 2, padding: 1 }).relu(),
      }),
      { x: tensorType("f32", [1, 16, 5, 6]) },
      { name: "up" },
    );
    const kernels = explain(graph as never, "x86-64-v3").split("\n");
    expect(kernels.filter((line) => /^ +\d+ {2}blockedConv2d/.test(line))).toHaveLength(4);
    const program = load(await compile(graph));
    const x = Float32Array.from({ length: 16 * 30 }, (_, i) => Math.cos(i * 3.7));
    const outputs = program.newOutputs();
    program.run({ x }, outputs);
    const meant = new Interpreter(graph).run({ x }).y;
    const largest = Math.max(...meant);
    expect(largest).toBeGreaterThan(1);
    outputs.y.forEach((value, i) => {
      expect(Math.abs(value - meant[i]!)).toBeLessThan(1e-6 * largest);
    });
  });

  /** Of a stride so large that phases share convolutions: channels, outputs, kernel, stride, and the rest. */
  const large = [
    {
      name: "21 channels by 16×16 at stride 8",
      shape: [21, 21, 16, 16],
      size: [4, 5],
      options: { stride: 8, padding: 4 },
    },
    { name: "groups", shape: [8, 3, 8, 8], size: [3, 4], options: { stride: 4, padding: 2, groups: 2 } },
    { name: "one channel a group", shape: [6, 1, 8, 8], size: [3, 3], options: { stride: 4, padding: 2, groups: 6 } },
    {
      name: "taps that miss phases",
      shape: [3, 2, 2, 3],
      size: [3, 2],
      options: { stride: [7, 4], outputPadding: [3, 1] },
    },
    {
      name: "dilated taps",
      shape: [2, 3, 3, 4],
      size: [4, 3],
      options: { stride: [4, 6], dilation: [3, 4], padding: 1 },
    },
    { name: "one dimension only", shape: [4, 4, 1, 20], size: [2, 6], options: { stride: [1, 10], padding: [0, 5] } },
  ] as const;

  it.each(large)("at a large stride gives what is meant: $name", async ({ shape, size, options }) => {
    const count = (shape as readonly number[]).reduce((a, b) => a * b, 1);
    const weight = Float32Array.from({ length: count }, (_, i) => Math.sin(i * i));
    const graph = trace(
      ({ x }) => ({ y: convTranspose2d(x, constant(weight, "f32", shape, "w"), options) }),
      { x: tensorType("f32", [2, shape[0], ...size]) },
      { name: "up" },
    );
    const program = load(await compile(graph));
    const x = Float32Array.from({ length: 2 * shape[0] * size[0] * size[1] }, (_, i) => Math.cos(i * 3.7));
    const outputs = program.newOutputs();
    program.run({ x }, outputs);
    const meant = new Interpreter(graph).run({ x }).y;
    const largest = meant.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
    expect(largest).toBeGreaterThan(0.5);
    expect(outputs.y.length).toBe(meant.length);
    outputs.y.forEach((value, i) => {
      if (!(Math.abs(value - meant[i]!) <= 2e-6 * largest)) expect(value, `element ${i}`).toBe(meant[i]);
    });
  });

  it("of 64×64 taps at stride 32 is four convolutions", () => {
    const graph = trace(
      ({ x }) => ({
        y: convTranspose2d(x, constant(new Float32Array(64 * 64).fill(1), "f32", [1, 1, 64, 64]), {
          stride: 32,
          padding: 16,
        }),
      }),
      { x: tensorType("f32", [1, 1, 3, 3]) },
      { name: "up" },
    );
    const text = explain(graph as never, "x86-64-v3").split("kernels for")[0]!;
    expect(text.match(/onv2d\(/g)).toHaveLength(4);
  });

  it("spreads along lines, and along the depth of volumes as along rows", () => {
    const graph = trace(
      ({ x }) => {
        const line = constant([1, 10, 100], "f32", [1, 1, 3]);
        const deep = constant([1, 10, 100, 1000], "f32", [1, 1, 2, 1, 2]);
        const volume = x.reshape([1, 1, 2, 1, 2]);
        return {
          line: convTranspose1d(x.reshape([1, 2, 2]), line.broadcastTo([2, 1, 3]), {
            groups: 2,
            stride: 2,
            bias: x.slice([0, 2]),
          }),
          uneven: convTranspose1d(x.reshape([2, 1, 2]), line, { padding: 1, paddingAfter: 0, outputPadding: 0 }),
          volume: convTranspose3d(volume, deep),
          stride: convTranspose3d(volume, deep, { stride: [2, 1, 1] }),
          cut: convTranspose3d(volume, deep, { stride: 2, padding: [1, 0, 1] }),
          more: convTranspose3d(volume, deep, { stride: [1, 1, 2], padding: [1, 0, 0], outputPadding: [0, 0, 1] }),
        };
      },
      { x: tensorType("f32", [4]) },
      { name: "volumes" },
    );
    const found = new Interpreter(graph).run({ x: Float32Array.of(1, 2, 3, 4) });
    expect(Object.fromEntries(Object.entries(found).map(([name, y]) => [name, [...y]]))).toEqual({
      line: [2, 11, 103, 21, 201, 5, 32, 306, 42, 402],
      uneven: [12, 120, 200, 34, 340, 400],
      volume: [1, 12, 20, 103, 1234, 2040, 300, 3400, 4000],
      stride: [1, 12, 20, 100, 1200, 2000, 3, 34, 40, 300, 3400, 4000],
      cut: [1000, 200, 30, 4],
      more: [103, 1030, 204, 2040, 0],
    });
  });
});
