// Generated kernels equal their declared numeric plan bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { fma, mul, sub } from "../loop/build.ts";
import { target } from "../targets.ts";
import {
  element,
  expectEverySchedule,
  fma32,
  indices,
  type PlainAccumulation,
  parameter,
  reducedByPlan,
  values,
} from "../testing/generator-reference.ts";
import { runNative } from "../testing/native-kernel.ts";
import { broadcasted, elementsOf, permuted, type Source, sliced, view } from "./access.ts";
import { matmulKernel } from "./contract.ts";
import { mapKernel, whole } from "./map.ts";
import { cutsOf, multiplying, reduceKernel, reducers, reducing } from "./reduce.ts";
import { bilinear, coordinate } from "./sample.ts";

const shapes = [[], [1], [15], [16], [17], [33], [3, 33], [2, 1, 17], [5, 3, 1]];

describe("float32 fma of the tests", () => {
  it("rounds once where float64 would round twice", () => {
    // The exact sum lies 2⁻⁷⁰ below a tie of float32, which float64 cannot hold.
    const [a, b, c] = [1 + 2 ** -23, 2 ** -24 * (1 - 2 ** -23), 1 + 2 ** -23];
    expect(Math.fround(a * b + c)).toBe(1 + 2 ** -22);
    expect(fma32(a, b, c)).toBe(1 + 2 ** -23);
  });
});

describe("map", () => {
  it.each(shapes.map((shape) => [shape]))("computes a broadcast chain over [%s]", async (shape) => {
    const n = elementsOf(shape);
    const row = shape.at(-1) ?? 1;
    const [x, y] = [parameter("x", "f32", n, "read"), parameter("y", "f32", row, "read")];
    const z = parameter("z", "f32", n, "write");
    const [xs, ys] = [values(n, 1, 3), values(row, 2, 5)];
    const a = view(x, shape);
    const b = broadcasted(view(y, shape.slice(-1)), shape);
    const source: Source = {
      scalar: "f32",
      shape,
      at: (at, lanes) => fma(a.at(at, lanes), b.at(at, lanes), mul(a.at(at, lanes), 0.1)),
    };
    await expectEverySchedule(
      (target) => mapKernel("map_chain", [x, y, z], [{ source, destination: whole(z, shape) }], target),
      [xs, ys],
      xs.map((v, i) => fma32(v, ys[i % row]!, Math.fround(v * Math.fround(0.1)))),
    );
  });

  it("reads transposed and backward views, and writes a part of a buffer", async () => {
    const x = parameter("x", "f32", 3 * 19, "read");
    const y = parameter("y", "f32", 19 * 5, "write");
    const xs = values(57, 3);
    const turned = permuted(view(x, [3, 19]), [1, 0]);
    const backward = sliced(turned, [18, 0], [-1, 1], [19, 3]);
    const wide = sliced(permuted(turned, [1, 0]), [0, 18], [2, -2], [2, 10]);
    const expected = new Float32Array(95).fill(77);
    for (const [i, j] of indices([19, 3])) expected[i! * 5 + j! + 1] = xs[j! * 19 + (18 - i!)]!;
    const part = { buffer: y, offset: 1, strides: [5, 1] };
    await expectEverySchedule(
      (target) => mapKernel("map_turned", [x, y], [{ source: backward, destination: part }], target),
      [xs],
      expected,
    );
    const thin = new Float32Array(95).fill(77);
    for (const [i, j] of indices([2, 10])) thin[j! * 5 + i!] = xs[2 * i! * 19 + 18 - 2 * j!]!;
    const columns = { buffer: y, offset: 0, strides: [1, 5] };
    await expectEverySchedule(
      (target) => mapKernel("map_thin", [x, y], [{ source: wide, destination: columns }], target),
      [xs],
      thin,
    );
  });
});

describe("map that turns squares", () => {
  it.each([
    [33, 20],
    [5, 9],
    [16, 16],
    [47, 7],
  ])("writes rows of %i columns read from a matrix of rows of %i", async (rows, columns) => {
    const x = parameter("x", "f32", 2 * rows * columns, "read");
    const y = parameter("y", "f32", 2 * rows * columns, "write");
    const xs = values(x.length, 12, 9);
    const source = permuted(view(x, [2, rows, columns]), [0, 2, 1]);
    const expected = Float32Array.from(
      indices([2, columns, rows]),
      ([b, c, r]) => xs[(b! * rows + r!) * columns + c!]!,
    );
    await expectEverySchedule(
      (target) => mapKernel("map_turn", [x, y], [{ source, destination: whole(y, [2, columns, rows]) }], target),
      [xs],
      expected,
    );
  });
});

const reductions: [readonly number[], readonly number[]][] = [
  [[1], [0]],
  [[15], [0]],
  [[16], [0]],
  [[17], [0]],
  [[33], [0]],
  [[100], [0]],
  [[3, 33], [1]],
  [[3, 33], [0]],
  [
    [3, 2, 17],
    [0, 2],
  ],
  [
    [3, 4, 17],
    [0, 1],
  ],
  [[2, 3, 16], [1]],
  [
    [2, 5, 1],
    [1, 2],
  ],
  // Across rows: chains of wide and narrow rows, with and without rounds left over.
  [[9, 40], [0]],
  [[37, 70], [0]],
  [[67, 3], [0]],
  [[2, 33, 1], [1]],
  [[2, 40, 5], [1]],
  [
    [3, 40, 2],
    [0, 1],
  ],
  // Chains that are cut: once, twice, at the end of a dimension and within one.
  [[1100], [0]],
  [[2, 1541], [1]],
  [
    [70, 21],
    [0, 1],
  ],
  [
    [9, 3, 300],
    [0, 1, 2],
  ],
  [[300, 17], [0]],
  [[1090, 3], [0]],
  [
    [5, 35, 20],
    [0, 1],
  ],
  [[16_900, 2], [0]],
];

describe("reduce", () => {
  async function check(
    shape: readonly number[],
    axes: readonly number[],
    plain: (xs: Float32Array) => PlainAccumulation,
    make: (source: Source) => ReturnType<typeof reducing>,
    every: number,
  ) {
    const n = elementsOf(shape);
    const kept = shape.filter((_, d) => !axes.includes(d));
    const x = parameter("x", "f32", n, "read");
    const y = parameter("y", "f32", elementsOf(kept), "write");
    const xs = values(n, 4, every);
    const accumulation = make(view(x, shape));
    const expected = Float32Array.from(indices(kept), (index) => reducedByPlan(shape, axes, index, plain(xs)));
    await expectEverySchedule(
      (target) => reduceKernel("reduce", [x, y], shape, axes, accumulation, whole(y, kept), (v) => v, target),
      [xs],
      expected,
    );
  }

  it.each(reductions)("sums [%s] over [%s]", async (shape, axes) => {
    const plain = (xs: Float32Array): PlainAccumulation => ({
      identity: 0,
      step: (sum, index) => Math.fround(sum + element(xs, shape, index)),
      merge: (a, b) => Math.fround(a + b),
    });
    await check(shape, axes, plain, (source) => reducing(source, reducers.sum), 0);
  });

  it.each(reductions)("takes the maximum of [%s] over [%s], NaN and zeros included", async (shape, axes) => {
    const larger = (a: number, b: number) => (Number.isNaN(b) || a < b ? b : a);
    const plain = (xs: Float32Array): PlainAccumulation => ({
      identity: -Infinity,
      step: (most, index) => larger(most, element(xs, shape, index)),
      merge: larger,
    });
    await check(shape, axes, plain, (source) => reducing(source, reducers.max), 7);
  });

  it.each(reductions)("sums squares of [%s] over [%s] with one rounding each", async (shape, axes) => {
    const plain = (xs: Float32Array): PlainAccumulation => ({
      identity: 0,
      step: (sum, index) => fma32(element(xs, shape, index), element(xs, shape, index), sum),
      merge: (a, b) => Math.fround(a + b),
    });
    await check(shape, axes, plain, (source) => multiplying(source, source), 0);
  });

  it("cuts chains into pieces of at most 64 steps, and chains of pieces too", () => {
    expect(cutsOf([64])).toEqual([{ dimension: 0, step: 1, piece: false }]);
    expect(cutsOf([65])).toEqual([
      { dimension: 0, step: 64, piece: true },
      { dimension: 0, step: 1, piece: false },
    ]);
    expect(cutsOf([1_000_000])).toEqual([
      { dimension: 0, step: 262_144, piece: true },
      { dimension: 0, step: 4096, piece: true },
      { dimension: 0, step: 64, piece: true },
      { dimension: 0, step: 1, piece: false },
    ]);
    // Three rows of twenty rounds are a piece; rows of fifty rounds are a piece each.
    expect(cutsOf([100, 20])).toEqual([
      { dimension: 0, step: 3, piece: true },
      { dimension: 0, step: 1, piece: false },
      { dimension: 1, step: 1, piece: false },
    ]);
    expect(cutsOf([10, 50])).toEqual([
      { dimension: 0, step: 1, piece: true },
      { dimension: 1, step: 1, piece: false },
    ]);
  });

  it.each([
    [[2 ** 15, 3], [0]],
    [[2 ** 15, 16], [0]],
    [[2, 2 ** 15], [1]],
  ])("over a long dimension of [%s] has an error that does not grow with its length", async (shape, axes) => {
    const kept = shape.filter((_, d) => !axes.includes(d));
    const [x, y] = [parameter("x", "f32", elementsOf(shape), "read"), parameter("y", "f32", elementsOf(kept), "write")];
    const xs = values(x.length, 11).map((each) => Math.abs(each));
    const accumulation = reducing(view(x, shape), reducers.sum);
    const ys = new Float32Array(y.length);
    const kernel = reduceKernel(
      "sum",
      [x, y],
      shape,
      axes,
      accumulation,
      whole(y, kept),
      (v) => v,
      target("x86-64-v3"),
    );
    await runNative(kernel, [xs, ys]);
    indices(kept).forEach((index, at) => {
      let exact = 0;
      for (let i = 0; i < 2 ** 15; i++) exact += element(xs, shape, axes[0] === 0 ? [i, ...index] : [...index, i]);
      expect(Math.abs(ys[at]! - exact) / exact).toBeLessThan(4e-7);
    });
  });

  it("wraps integer sums", async () => {
    const x = parameter("x", "i32", 37, "read");
    const y = parameter("y", "i32", 1, "write");
    const xs = Int32Array.from({ length: 37 }, (_, i) => 2 ** 31 - 1 - i);
    await expectEverySchedule(
      (target) =>
        reduceKernel("wrap", [x, y], [37], [0], reducing(view(x, [37]), reducers.sum), whole(y, []), (v) => v, target),
      [xs],
      Int32Array.of(xs.reduce((sum, each) => (sum + each) | 0, 0)),
    );
  });
});

describe("matmul", () => {
  const sizes: [number, number, number][] = [
    [1, 1, 1],
    [1, 17, 33],
    [4, 16, 16],
    [5, 3, 15],
    [9, 33, 17],
    [2, 1029, 19],
    [29, 21, 77],
    [3, 9, 143],
    [17, 40, 1],
    [3, 17, 1],
  ];
  it.each(sizes)("multiplies %i×%i by ·×%i in the order of its plan", async (m, depth, n) => {
    const a = parameter("a", "f32", 2 * m * depth, "read");
    const b = parameter("b", "f32", depth * n, "read");
    const c = parameter("c", "f32", 2 * m * n, "write");
    const [as, bs] = [values(2 * m * depth, 5), values(depth * n, 6)];
    const expected = Float32Array.from(indices([2, m, n]), ([batch, row, column]) => {
      const step = (sum: number, k: number) => fma32(as[(batch! * m + row!) * depth + k]!, bs[k * n + column!]!, sum);
      const plus = (x: number, y: number) => Math.fround(x + y);
      const chain = (from: number, to: number) => {
        let sum = 0;
        for (let k = from; k < to; k++) sum = step(sum, k);
        return sum;
      };
      const quarter = Math.floor(depth / 4);
      const split = [0, 1, 2, 3].map((s) => chain(s * quarter, s === 3 ? depth : (s + 1) * quarter));
      const sum =
        n === 1
          ? reducedByPlan([depth], [0], [], { identity: 0, step: (x, [k]) => step(x, k!), merge: plus })
          : depth >= 1024
            ? plus(plus(split[0]!, split[2]!), plus(split[1]!, split[3]!))
            : chain(0, depth);
      return Math.fround(sum - 0.5);
    });
    await expectEverySchedule(
      (target) =>
        matmulKernel(
          "product",
          [a, b, c],
          view(a, [2, m, depth]),
          broadcasted(view(b, [depth, n]), [2, depth, n]),
          whole(c, [2, m, n]),
          (sum) => sub(sum, 0.5),
          target,
        ),
      [as, bs],
      expected,
    );
  });
});

describe("bilinear", () => {
  it.each(["zeros", "border"] as const)("samples inside, across the edge and far outside with %s", async (outside) => {
    const [h, w, n] = [3, 5, 37];
    const image = parameter("image", "f32", h * w, "read");
    const grid = parameter("grid", "f32", n * 2, "read");
    const y = parameter("y", "f32", n, "write");
    const pixels = values(h * w, 9);
    const positions = Float32Array.from({ length: n * 2 }, (_, i) => Math.sin(i * 2.3) * (i % 2 === 0 ? 6 : 4) + 2);
    positions.set([-0, 2, 4, 2, -1, 1, 1e30, -1e30, Infinity, 0, NaN, 1, 3, NaN]);
    const { fround } = Math;
    const clamp = (v: number, low: number, high: number) => Math.max(low, Math.min(high, v));
    const pixel = (r: number, c: number) => {
      const inside = r >= 0 && r < h && c >= 0 && c < w;
      return outside === "border" || inside ? pixels[clamp(r, 0, h - 1) * w + clamp(c, 0, w - 1)]! : 0;
    };
    const split = (position: number, size: number) => {
      const bounded = outside === "border" ? clamp(position, 0, size - 1) : clamp(position, -1, size);
      const low = Math.floor(bounded);
      return { low: Number.isNaN(low) ? 0 : low, fraction: fround(bounded - low) };
    };
    const expected = Float32Array.from({ length: n }, (_, i) => {
      const [column, row] = [split(positions[2 * i]!, w), split(positions[2 * i + 1]!, h)];
      const between = (r: number) => {
        const left = pixel(r, column.low);
        return fma32(column.fraction, fround(pixel(r, column.low + 1) - left), left);
      };
      const top = between(row.low);
      return fma32(row.fraction, fround(between(row.low + 1) - top), top);
    });
    const source = view(grid, [n, 2]);
    const sampled = bilinear(view(image, [h, w]), coordinate(source, 0), coordinate(source, 1), outside);
    await expectEverySchedule(
      (target) => mapKernel("sample", [image, grid, y], [{ source: sampled, destination: whole(y, [n]) }], target),
      [pixels, positions],
      expected,
    );
  });
});
