// Lines and volumes: a line is a flat plane bit for bit, and a volume is what is counted by hand.
import { describe, expect, it } from "vitest";
import type { Graph } from "../graph/graph.ts";
import {
  conv1d,
  conv2d,
  conv3d,
  Interpreter,
  resize,
  type Signature,
  type Tensor,
  tensorType,
  trace,
} from "../index.ts";
import { declutter } from "../passes/index.ts";

type Images = { readonly x: Tensor<"f32">; readonly w: Tensor<"f32"> };

const numbers = (count: number, seed = 1): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => Math.fround(Math.sin(seed + 3.7 * at)));
const countOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** What a function of two tensors means, which is what its primitive operators mean too. */
function meaning(
  shapes: { readonly x: readonly number[]; readonly w?: readonly number[] },
  fn: (images: Images) => Tensor<"f32">,
  x = numbers(countOf(shapes.x)),
): number[] {
  const { w: kernel = [1] } = shapes;
  const graph = trace(
    (images) => ({ y: fn(images) }),
    { x: tensorType("f32", shapes.x), w: tensorType("f32", kernel) },
    { name: "g" },
  );
  const inputs = { x, w: numbers(countOf(kernel), 2) };
  const { y } = new Interpreter(graph).run(inputs);
  const made = new Interpreter(declutter(graph as unknown as Graph) as Graph<Signature, Signature>).run(inputs);
  (made.y as Float32Array).forEach((value, at) => {
    expect(value).toBeCloseTo(y[at]!, 4);
  });
  return [...y];
}

describe("a line", () => {
  it.each([{}, { stride: 2, padding: 1 }, { dilation: 2, groups: 2 }, { padding: "same" }] as const)(
    "is convolved as a flat plane: %o",
    (options) => {
      const [c, i] = "groups" in options ? [4, 2] : [4, 4];
      const line = meaning({ x: [2, c, 9], w: [6, i, 3] }, ({ x, w }) => conv1d(x, w, options));
      const flat = meaning({ x: [2, c, 9], w: [6, i, 3] }, ({ x, w }) => {
        const { stride = 1, padding = 0, ...rest } = { stride: 1, padding: 0, ...options };
        return conv2d(x.unsqueeze(2), w.unsqueeze(2), {
          ...rest,
          stride: [1, stride],
          padding: padding === "same" ? padding : [0, padding],
        });
      });
      expect(line).toEqual(flat);
    },
  );

  it("is pooled and resized as a flat plane", () => {
    const shapes = { x: [2, 3, 11] };
    const alike = (line: (x: Tensor<"f32">) => Tensor<"f32">, plane: (x: Tensor<"f32">) => Tensor<"f32">) =>
      expect(meaning(shapes, ({ x }) => line(x))).toEqual(meaning(shapes, ({ x }) => plane(x.unsqueeze(2))));
    const options = { stride: 2, padding: 1, ceil: true } as const;
    const flat = { stride: [1, 2], padding: [0, 1], ceil: true } as const;
    alike(
      (x) => x.maxPool(3, options),
      (x) => x.maxPool([1, 3], flat),
    );
    alike(
      (x) => x.avgPool(3, { ...options, countPadding: false }),
      (x) => x.avgPool([1, 3], { ...flat, countPadding: false }),
    );
    alike(
      (x) => x.adaptiveAvgPool(4),
      (x) => x.adaptiveAvgPool([1, 4]),
    );
    alike(
      (x) => x.adaptiveMaxPool(4),
      (x) => x.adaptiveMaxPool([1, 4]),
    );
    alike(
      (x) => x.globalAvgPool(),
      (x) => x.globalAvgPool(),
    );
    for (const mode of ["nearest", "linear", "cubic"] as const)
      alike(
        (x) => resize(x, [17], { mode }),
        (x) => resize(x, [1, 17], { mode }),
      );
  });

  it("takes a bias for each channel", () => {
    expect(
      meaning({ x: [1, 2, 4], w: [2, 2, 2] }, ({ x, w }) =>
        conv1d(x, w, { bias: w.slice([], [0, 1], [0, 1]).flatten() }),
      ),
    ).toHaveLength(6);
  });
});

describe("a volume", () => {
  const cube = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8]);

  it("is pooled over all three dimensions", () => {
    const pooled = (fn: (x: Tensor<"f32">) => Tensor<"f32">) => meaning({ x: [1, 1, 2, 2, 2] }, ({ x }) => fn(x), cube);
    expect(pooled((x) => x.maxPool(2))).toEqual([8]);
    expect(pooled((x) => x.avgPool(2))).toEqual([4.5]);
    expect(pooled((x) => x.maxPool([2, 1, 1]))).toEqual([5, 6, 7, 8]);
    expect(pooled((x) => x.avgPool([1, 2, 1]))).toEqual([2, 3, 6, 7]);
    expect(pooled((x) => x.globalMaxPool())).toEqual([8]);
    expect(pooled((x) => x.adaptiveAvgPool([1, 1, 2]))).toEqual([4, 5]);
    expect(pooled((x) => x.avgPool(2, { stride: 1, padding: 1 })).slice(0, 3)).toEqual([1 / 8, 3 / 8, 2 / 8]);
  });

  it("is resized along all three dimensions", () => {
    const resized = (size: readonly number[], mode: "nearest" | "linear") =>
      meaning({ x: [1, 1, 2, 2, 2] }, ({ x }) => resize(x, size, { mode, coordinates: "alignCorners" }), cube);
    expect(resized([3, 2, 2], "linear")).toEqual([1, 2, 3, 4, 3, 4, 5, 6, 5, 6, 7, 8]);
    expect(resized([1, 1, 3], "linear")).toEqual([1, 1.5, 2]);
    expect(resized([2, 1, 1], "nearest")).toEqual([1, 5]);
  });

  it("is convolved over all three dimensions, its taps in groups, with strides and dilations", () => {
    // Sums of all eight elements times one weight each: Σ (at + 1) · w[at].
    const shapes = { x: [1, 1, 2, 2, 2], w: [1, 1, 2, 2, 2] };
    const w = numbers(8, 2);
    const [sum] = meaning(shapes, ({ x, w: kernel }) => conv3d(x, kernel), cube);
    expect(sum).toBeCloseTo(
      w.reduce((total, each, at) => total + each * (at + 1), 0),
      5,
    );
    // Taps along the depth stay in their groups, by the operators that it is made of too.
    const grouped = meaning({ x: [1, 4, 3, 2, 2], w: [4, 2, 2, 1, 1] }, ({ x, w: kernel }) =>
      conv3d(x, kernel, { groups: 2 }),
    );
    const [x, taps] = [numbers(48), numbers(16, 2)];
    expect(grouped[31]).toBeCloseTo(
      [0, 1, 2, 3].reduce((total, t) => total + taps[12 + t]! * x[(2 + (t >> 1)) * 12 + (1 + (t & 1)) * 4 + 3]!, 0),
      5,
    );
    // One plane of taps is a plane of conv2d; with another step along the depth, of others.
    const deep = { x: [2, 4, 5, 4, 3], w: [6, 2, 1, 2, 2] };
    const volume = meaning(deep, ({ x, w: kernel }) =>
      conv3d(x, kernel, { groups: 2, stride: [2, 1, 1], padding: [1, 0, 0] }),
    );
    const planes = meaning(deep, ({ x, w: kernel }) => {
      const padded = x.pad([0, 0, 1, 0, 0], [0, 0, 1, 0, 0]).slice([], [], [0, 7, 2]);
      const flat = padded.permute([0, 2, 1, 3, 4]).reshape([8, 4, 4, 3]);
      return conv2d(flat, kernel.squeeze(2), { groups: 2 }).reshape([2, 4, 6, 3, 2]).permute([0, 2, 1, 3, 4]);
    });
    expect(volume).toEqual(planes);
  });
});

describe("what does not fit", () => {
  const refused = (shape: readonly number[], fn: (x: Tensor<"f32">) => Tensor) => () =>
    trace(({ x }) => ({ y: fn(x) }), { x: tensorType("f32", shape) }, { name: "g" });

  it("is refused by its shapes", () => {
    expect(refused([2, 3, 4, 5], (x) => conv1d(x, x))).toThrow(
      "conv1d of f32[2,3,4,5] with f32[2,3,4,5]: the input is [n,c,l] and the weight [o,c,kl]",
    );
    expect(refused([2, 3, 4], (x) => conv3d(x, x))).toThrow("the input is [n,c,d,h,w] and the weight [o,c,kd,kh,kw]");
    expect(refused([2, 3, 4], (x) => conv1d(x, x.pad([0, 0, 0], [0, 0, 9])))).toThrow(
      "the kernel is larger than the padded input",
    );
    expect(refused([2, 3, 4], (x) => conv1d(x, x, { groups: 2 }))).toThrow(
      "3 channels in 2 groups do not fit a weight for 3",
    );
    expect(refused([2, 3], (x) => x.maxPool(2))).toThrow("maxPool of f32[2,3]");
    expect(refused([2, 3, 4], (x) => x.maxPool([2, 2]))).toThrow("maxPool of f32[2,3,4] with [2,2]");
    expect(refused([2, 3, 4], (x) => resize(x, [5, 5]))).toThrow("resize of f32[2,3,4] with [5,5]");
    expect(refused([2, 3, 4, 5, 6], (x) => x.adaptiveAvgPool([2, 2]))).toThrow(
      "adaptiveAvgPool of f32[2,3,4,5,6] with [2,2]",
    );
  });
});
