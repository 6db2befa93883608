// Convolution kernels equal their declared numeric plan bit for bit, under the schedule of every target.
import { describe, expect, it } from "vitest";
import { sub } from "../loop/build.ts";
import { printKernel } from "../loop/print.ts";
import { target } from "../targets.ts";
import {
  element,
  expectEverySchedule,
  fma32,
  indices,
  parameter,
  values,
  workArea,
} from "../testing/generator-reference.ts";
import { elementsOf, view } from "./access.ts";
import { blockedConvolutionKernel, depthwiseKernel } from "./blocked.ts";
import { convolutionKernel } from "./contract.ts";
import { whole } from "./map.ts";
import { winogradBlock, winogradKernel } from "./winograd.ts";

describe("convolution", () => {
  const cases = [
    { input: [1, 1, 3, 33], weight: [1, 1, 3, 3], stride: [1, 1], dilation: [1, 1], groups: 1 },
    { input: [2, 4, 7, 19], weight: [6, 2, 3, 2], stride: [2, 2], dilation: [1, 2], groups: 2 },
    { input: [1, 5, 3, 17], weight: [2, 5, 3, 3], stride: [1, 1], dilation: [1, 1], groups: 1 },
    { input: [1, 3, 2, 16], weight: [3, 1, 1, 1], stride: [1, 1], dilation: [1, 1], groups: 3 },
    { input: [1, 2, 3, 190], weight: [2, 2, 2, 70], stride: [1, 2], dilation: [1, 2], groups: 1 },
  ] as const;
  it.each(cases)("of $input with $weight, stride $stride, dilation $dilation, $groups groups", async (plan) => {
    const { input, weight, stride, dilation, groups } = plan;
    const [batch, , height, width] = input;
    const [outChannels, inChannels, kh, kw] = weight;
    const outHeight = Math.floor((height - dilation[0] * (kh - 1) - 1) / stride[0]) + 1;
    const outWidth = Math.floor((width - dilation[1] * (kw - 1) - 1) / stride[1]) + 1;
    const outShape = [batch, outChannels, outHeight, outWidth];
    const x = parameter("x", "f32", elementsOf(input), "read");
    const w = parameter("w", "f32", elementsOf(weight), "read");
    const y = parameter("y", "f32", elementsOf(outShape), "write");
    const [xs, ws] = [values(x.length, 7, 11), values(w.length, 8)];
    const expected = Float32Array.from(indices(outShape), ([n, o, row, column]) => {
      const first = Math.floor(o! / (outChannels / groups)) * inChannels;
      return indices([inChannels, kh, kw]).reduce((sum, [i, ky, kx]) => {
        const at = [n!, first + i!, row! * stride[0] + ky! * dilation[0], column! * stride[1] + kx! * dilation[1]];
        return fma32(element(xs, input, at), element(ws, weight, [o!, i!, ky!, kx!]), sum);
      }, 0);
    });
    await expectEverySchedule(
      (target) =>
        convolutionKernel(
          "convolution",
          [x, w, y],
          view(x, input),
          view(w, weight),
          outShape,
          { stride, dilation, groups },
          whole(y, outShape),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      expected,
    );
  });

  it("is as long for many groups as for two", () => {
    const lines = (groups: number): number => {
      const [input, weight, output] = [
        [1, groups, 5, 17],
        [groups, 1, 3, 3],
        [1, groups, 3, 15],
      ] as const;
      const x = parameter("x", "f32", elementsOf(input), "read");
      const w = parameter("w", "f32", elementsOf(weight), "read");
      const y = parameter("y", "f32", elementsOf(output), "write");
      const plan = { stride: [1, 1], dilation: [1, 1], groups } as const;
      const [from, to] = [view(x, input), whole(y, output)];
      const kernel = convolutionKernel(
        "grouped",
        [x, w, y],
        from,
        view(w, weight),
        output,
        plan,
        to,
        (sum) => sum,
        target("aarch64"),
      );
      return printKernel(kernel).split("\n").length;
    };
    expect(lines(64)).toBe(lines(2));
  });
});

describe("blocked convolution", () => {
  const cases = [
    { channels: 5, outBlocks: 1, plane: [4, 6], kernel: [3, 3], stride: [1, 1], dilation: [1, 1] },
    { channels: 32, outBlocks: 3, plane: [3, 19], kernel: [3, 3], stride: [1, 1], dilation: [1, 1] },
    { channels: 21, outBlocks: 2, plane: [9, 9], kernel: [1, 3], stride: [2, 2], dilation: [1, 2] },
    { channels: 16, outBlocks: 2, plane: [5, 7], kernel: [1, 1], stride: [1, 1], dilation: [1, 1] },
  ] as const;
  it.each(cases)("of $channels channels, $plane, kernel $kernel, stride $stride, dilation $dilation", async (plan) => {
    const { channels, outBlocks, plane, kernel, stride, dilation } = plan;
    const blocks = Math.ceil(channels / 16);
    const input = [2, blocks, ...plane, 16];
    const weight = [outBlocks, blocks, ...kernel, 16, 16];
    const size = (d: 0 | 1) => Math.floor((plane[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1;
    const outShape = [2, outBlocks, size(0), size(1), 16];
    const x = parameter("x", "f32", elementsOf(input), "read");
    const w = parameter("w", "f32", elementsOf(weight), "read");
    const y = parameter("y", "f32", elementsOf(outShape), "write");
    const [xs, ws] = [values(x.length, 13, 301), values(w.length, 14)];
    const expected = Float32Array.from(indices(outShape), ([n, o, row, column, lane]) => {
      let sum = 0;
      for (let block = 0; block < blocks; block++)
        for (const [ky, kx] of indices(kernel))
          for (let j = 0; j < 16 && block * 16 + j < channels; j++) {
            const at = [n!, block, row! * stride[0] + ky! * dilation[0], column! * stride[1] + kx! * dilation[1], j];
            sum = fma32(element(xs, input, at), element(ws, weight, [o!, block, ky!, kx!, j, lane!]), sum);
          }
      return Math.fround(sum - 0.5);
    });
    await expectEverySchedule(
      (target) =>
        blockedConvolutionKernel(
          "blocked",
          [x, w, y],
          view(x, input),
          view(w, weight),
          outShape,
          { stride, dilation, channels },
          whole(y, outShape),
          (sum) => sub(sum, 0.5),
          target,
        ),
      [xs, ws],
      expected,
    );
  });

  it.each([
    [3, 3, 1],
    [5, 5, 2],
    [2, 70, 1],
  ])("by channel, with a kernel of %i×%i at stride %i", async (kh, kw, stride) => {
    const plane = [7, Math.max(21, kw + 5)];
    const input = [1, 2, ...plane, 16];
    const weight = [2, kh, kw, 16];
    const size = (length: number, kernel: number) => Math.floor((length - kernel) / stride) + 1;
    const outShape = [1, 2, size(plane[0]!, kh), size(plane[1]!, kw), 16];
    const x = parameter("x", "f32", elementsOf(input), "read");
    const w = parameter("w", "f32", elementsOf(weight), "read");
    const y = parameter("y", "f32", elementsOf(outShape), "write");
    const [xs, ws] = [values(x.length, 15, 101), values(w.length, 16)];
    const expected = Float32Array.from(indices(outShape), ([n, c, row, column, lane]) =>
      indices([kh, kw]).reduce(
        (sum, [ky, kx]) =>
          fma32(
            element(xs, input, [n!, c!, row! * stride + ky!, column! * stride + kx!, lane!]),
            element(ws, weight, [c!, ky!, kx!, lane!]),
            sum,
          ),
        0,
      ),
    );
    await expectEverySchedule(
      (target) =>
        depthwiseKernel(
          "depthwise",
          [x, w, y],
          view(x, input),
          view(w, weight),
          outShape,
          { stride: [stride, stride], dilation: [1, 1] },
          whole(y, outShape),
          (sum) => sum,
          target,
        ),
      [xs, ws],
      expected,
    );
  });
});

describe("Winograd convolution", () => {
  const { fround } = Math;
  const plus = (a: number, b: number) => fround(a + b);
  const minus = (a: number, b: number) => fround(a - b);
  const root = (square: number) => fround(Math.sqrt(square));
  type Line = (d: readonly number[]) => number[];
  const lines: { readonly [tile in 2 | 4]: { readonly input: Line; readonly output: Line } } = {
    2: {
      input: ([a, b, c, d]) => [minus(a!, c!), plus(b!, c!), minus(c!, b!), minus(b!, d!)],
      output: ([a, b, c, d]) => [plus(plus(a!, b!), c!), minus(minus(b!, c!), d!)],
    },
    4: {
      input: ([d0, d1, d2, d3, d4, d5]) => {
        const [a, b] = [fma32(-2, d2!, d4!), fma32(-2, d1!, d3!)];
        const [c, e] = [fma32(-0.5, d2!, d4!), fma32(-0.5, d1!, d3!)];
        const [first, last] = [plus(d0!, fma32(-2.5, d2!, d4!)), plus(d1!, fma32(-2.5, d3!, d5!))];
        return [
          first,
          fma32(root(1 / 2), b, a),
          fma32(-root(1 / 2), b, a),
          fma32(root(2), e, c),
          fma32(-root(2), e, c),
          last,
        ];
      },
      output: ([m0, m1, m2, m3, m4, m5]) => {
        const [a, b, c, d] = [plus(m1!, m2!), minus(m1!, m2!), plus(m3!, m4!), minus(m3!, m4!)];
        return [
          plus(plus(m0!, a), c),
          fma32(root(1 / 2), b, fround(d * root(2))),
          fma32(2, c, fround(a * 0.5)),
          fma32(root(1 / 8), b, fma32(root(8), d, m5!)),
        ];
      },
    },
  };
  /** Rows first, then columns. */
  const both = (line: Line, square: number[][]): number[][] => {
    const rows = square.map(line);
    const columns = rows[0]!.map((_, c) => line(rows.map((row) => row[c]!)));
    return columns[0]!.map((_, r) => columns.map((column) => column[r]!));
  };

  it.each([
    [2, 2, 3, [5, 9]],
    [4, 1, 2, [7, 5]],
    [4, 3, 1, [8, 21]],
  ] as const)("in tiles of %i, of %i blocks in and %i out", async (tile, inBlocks, outBlocks, plane) => {
    const side = tile + 2;
    const reach = plane.map((size) => Math.ceil(size / tile) * tile + 2);
    const input = [1, inBlocks, ...reach, 16];
    const weight = [side * side, outBlocks, inBlocks * 16, 16];
    const outShape = [1, outBlocks, ...plane, 16];
    const x = parameter("x", "f32", elementsOf(input), "read");
    const u = parameter("u", "f32", elementsOf(weight), "read");
    const y = parameter("y", "f32", elementsOf(outShape), "write");
    const [xs, us] = [values(x.length, 17), values(u.length, 18)];
    const expected = new Float32Array(elementsOf(outShape));
    for (const [ty, tx] of indices(plane.map((size) => Math.ceil(size / tile)))) {
      const transformed = Array.from({ length: inBlocks * 16 }, (_, i) =>
        both(
          lines[tile].input,
          Array.from({ length: side }, (_, r) =>
            Array.from({ length: side }, (_, c) =>
              element(xs, input, [0, Math.floor(i / 16), ty! * tile + r, tx! * tile + c, i % 16]),
            ),
          ),
        ),
      );
      for (const [o, lane] of indices([outBlocks, 16])) {
        const products = Array.from({ length: side }, (_, r) =>
          Array.from({ length: side }, (_, c) =>
            transformed.reduce(
              (sum, square, i) => fma32(square[r]![c]!, element(us, weight, [r * side + c, o!, i, lane!]), sum),
              0,
            ),
          ),
        );
        both(lines[tile].output, products).forEach((row, r) => {
          row.forEach((value, c) => {
            const [top, left] = [ty! * tile + r, tx! * tile + c];
            if (top >= plane[0] || left >= plane[1]) return;
            expected[((o! * plane[0] + top) * plane[1] + left) * 16 + lane!] = value;
          });
        });
      }
    }
    await expectEverySchedule(
      (target) => {
        const { inputs, products } = winogradBlock(tile, inBlocks * 16, outShape, target);
        const work = {
          inputs: workArea("tiles", inputs),
          products: { ...workArea("products", products), private: true },
        };
        return winogradKernel(
          "winograd",
          [x, u, work.inputs, work.products, y],
          view(x, input),
          view(u, weight),
          work,
          outShape,
          tile,
          whole(y, outShape),
          (sum) => sum,
          target,
        );
      },
      [xs, us],
      expected,
    );
  });
});
