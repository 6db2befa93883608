// Running sums, scattered updates and the first in order equal their numeric plan bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { verifyKernel } from "../loop/verify.ts";
import { expectChunks } from "../testing/chunks.ts";
import { expectEverySchedule, indices, parameter, values } from "../testing/generator-reference.ts";
import { runNative } from "../testing/native-kernel.ts";
import { elementsOf, view } from "./access.ts";
import { whole } from "./map.ts";
import { scanKernel } from "./scan.ts";
import { scatterKernel } from "./scatter.ts";
import { argsortKernel, argsortWork, leadersKernel } from "./sort.ts";

const { fround } = Math;
const ravel = (index: readonly number[], shape: readonly number[]): number =>
  index.reduce((position, each, d) => position * shape[d]! + each, 0);

describe("running sums", () => {
  it.each([
    { shape: [33], axis: 0, exclusive: false, reverse: false },
    { shape: [5, 17], axis: 1, exclusive: true, reverse: false },
    { shape: [3, 17], axis: 1, exclusive: false, reverse: true },
    { shape: [2, 9, 21], axis: 1, exclusive: true, reverse: true },
    { shape: [7, 2, 16], axis: 0, exclusive: false, reverse: false },
  ])("of $shape along $axis, exclusive $exclusive, reverse $reverse", async ({ shape, axis, exclusive, reverse }) => {
    const n = elementsOf(shape);
    const [x, y] = [parameter("x", "f32", n, "read"), parameter("y", "f32", n, "write")];
    const xs = values(n, 31);
    const length = shape[axis]!;
    const expected = Float32Array.from(indices(shape), (index) => {
      const at = (i: number) => xs[ravel(index.with(axis, reverse ? length - 1 - i : i), shape)]!;
      const rank = reverse ? length - 1 - index[axis]! : index[axis]!;
      // In float64, rounded once when it is stored.
      let sum = 0;
      for (let i = 0; i < rank + (exclusive ? 0 : 1); i++) sum += at(i);
      return sum;
    });
    await expectEverySchedule(
      (target) =>
        scanKernel("scan", [x, y], view(x, shape), "sum", { axis, exclusive, reverse }, whole(y, shape), target),
      [xs],
      expected,
    );
  });
});

describe("running products", () => {
  it("run in float64 and are rounded once each", async () => {
    const shape = [3, 40];
    const [x, y] = [parameter("x", "f32", 120, "read"), parameter("y", "f32", 120, "write")];
    // Near 1, so that none overflows and each product is rounded.
    const xs = Float32Array.from({ length: 120 }, (_, i) => 1 + Math.sin(i * i) / 3);
    const products = (rounded: (value: number) => number) => {
      let product = 1;
      return Float32Array.from(xs, (each, i) => {
        product = rounded((i % 40 === 0 ? 1 : product) * each);
        return product;
      });
    };
    const expected = products((value) => value);
    expect(products(fround)).not.toEqual(expected);
    const scan = { axis: 1, exclusive: false, reverse: false };
    await expectEverySchedule(
      (target) => scanKernel("scan", [x, y], view(x, shape), "prod", scan, whole(y, shape), target),
      [xs],
      expected,
    );
  });
});

describe("scattered updates", () => {
  it.each([
    { shape: [4, 19], axis: 0 },
    { shape: [2, 5, 3], axis: 1 },
    { shape: [3, 7], axis: 1 },
  ])("are added to $shape along $axis one after the other, those outside left out", async ({ shape, axis }) => {
    // Five of the updates meet in one place, where another order would round otherwise.
    const places = [1, 0, 1, 1, -1, 2, 1, 2, 1, shape[axis]!];
    const updateShape = shape.with(axis, places.length);
    const x = parameter("x", "f32", elementsOf(shape), "read");
    const p = parameter("p", "i32", places.length, "read");
    const u = parameter("u", "f32", elementsOf(updateShape), "read");
    const y = { ...parameter("y", "f32", elementsOf(shape), "write"), access: "readwrite" as const };
    const [xs, us] = [values(x.length, 32), values(u.length, 33)];
    const sums = (order: readonly number[]) => {
      const result = xs.slice();
      for (const i of order)
        for (const index of indices(shape.with(axis, 1))) {
          if (places[i]! < 0 || places[i]! >= shape[axis]!) continue;
          const to = ravel(index.with(axis, places[i]!), shape);
          result[to] = fround(result[to]! + us[ravel(index.with(axis, i), updateShape)]!);
        }
      return result;
    };
    const order = places.map((_, i) => i);
    const expected = sums(order);
    expect(sums(order.reverse())).not.toEqual(expected);
    await expectEverySchedule(
      (target) =>
        scatterKernel(
          "scatter",
          [x, p, u, y],
          [view(x, shape), view(p, [places.length]), view(u, updateShape)],
          axis,
          "add",
          whole(y, shape),
          target,
        ),
      [xs, Int32Array.from(places), us],
      expected,
    );
  });
});

describe("the first in order", () => {
  /** Positions of a line in order: equal ones keep theirs, zeros are equal, NaN comes last. */
  const sorted = (line: readonly number[], descending: boolean): number[] =>
    line
      .map((_, at) => at)
      .sort((a, b) => {
        const [x, y] = [line[a]!, line[b]!];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
        return x === y ? 0 : x < y === descending ? 1 : -1;
      });

  it.each([
    { shape: [100], axis: 0, count: 5, descending: true },
    { shape: [3, 40], axis: 1, count: 8, descending: false },
    { shape: [2, 9, 5], axis: 1, count: 3, descending: true },
    { shape: [6, 7], axis: 1, count: 7, descending: false },
    { shape: [6, 30], axis: 1, count: 1, descending: true },
  ])("$count of $shape along $axis, descending $descending", async ({ shape, axis, count, descending }) => {
    const x = parameter("x", "f32", elementsOf(shape), "read");
    const places = shape.with(axis, count);
    const y = parameter("y", "i64", elementsOf(places), "write");
    const work = { ...parameter("work", "i64", argsortWork(shape[axis]!), "write"), access: "readwrite" as const };
    // Few different values, so that many are equal, and NaN, infinities and zeros of both signs among them.
    const xs = values(x.length, 34, 3).map((each) => (Math.abs(each) < 1e-3 ? each : Math.round(each)));
    const expected = BigInt64Array.from(indices(places), (index) => {
      const line = Array.from({ length: shape[axis]! }, (_, i) => xs[ravel(index.with(axis, i), shape)]!);
      return BigInt(sorted(line, descending)[index[axis]!]!);
    });
    const kernels = [
      leadersKernel("leaders", [x, y], view(x, shape), axis, descending, count, whole(y, places)),
      argsortKernel("sorted", [x, work, y], view(x, shape), axis, descending, work, whole(y, places), count),
    ];
    for (const kernel of kernels) {
      verifyKernel(kernel);
      const found = new BigInt64Array(y.length).fill(-1n);
      const between = kernel.buffers.includes(work) ? [new BigInt64Array(work.length)] : [];
      await runNative(kernel, [xs.slice(), ...between, found]);
      expect(found).toEqual(expected);
      expectChunks(kernel, [xs, ...between, new BigInt64Array(y.length)]);
    }
  });

  it.each([
    { scalar: "f32", shape: [2, 300], axis: 1 },
    { scalar: "f32", shape: [128, 3], axis: 0 },
    { scalar: "i32", shape: [1000], axis: 0 },
    { scalar: "u32", shape: [200], axis: 0 },
    { scalar: "i16", shape: [2, 200], axis: 1 },
    { scalar: "u8", shape: [300], axis: 0 },
    { scalar: "i8", shape: [300], axis: 0 },
  ] as const)("all of long lines of $scalar of $shape along $axis, byte by byte", async ({ scalar, shape, axis }) => {
    const arrays = {
      f32: Float32Array,
      i32: Int32Array,
      u32: Uint32Array,
      i16: Int16Array,
      u8: Uint8Array,
      i8: Int8Array,
    };
    const size = [...shape] as number[];
    const x = parameter("x", scalar, elementsOf(size), "read");
    const y = parameter("y", "i64", x.length, "write");
    const work = { ...parameter("work", "i64", argsortWork(size[axis]!), "write"), access: "readwrite" as const };
    // Spread over the whole of the type, many equal, with the ends, zeros of both signs and NaN among them.
    const odd = [0, -0, NaN, Infinity, -Infinity, -1, 1, 2 ** 31 - 1, -(2 ** 31), 255, 127, -128];
    const given = values(x.length, 35, 0);
    const xs = new arrays[scalar](x.length);
    for (let at = 0; at < xs.length; at++)
      xs[at] =
        at % 5 === 0
          ? odd[(at / 5) % odd.length]!
          : Math.round(given[at]! * 2 ** (at % 31)) / (scalar === "f32" ? 8 : 1);
    for (const descending of [false, true]) {
      const expected = BigInt64Array.from(indices(size), (index) => {
        const line = Array.from({ length: size[axis]! }, (_, i) => Number(xs[ravel(index.with(axis, i), size)]!));
        return BigInt(sorted(line, descending)[index[axis]!]!);
      });
      const kernel = argsortKernel("sorted", [x, work, y], view(x, size), axis, descending, work, whole(y, size));
      verifyKernel(kernel);
      const found = new BigInt64Array(y.length).fill(-1n);
      await runNative(kernel, [xs.slice(), new BigInt64Array(work.length), found]);
      expect(found).toEqual(expected);
    }
  });
});
