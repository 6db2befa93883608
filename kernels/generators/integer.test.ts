// Kernels of integer products: their bits are the interpreter's under every schedule, and what the sums mean.
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../base/native.ts";
import { constant, convert, mul } from "../loop/build.ts";
import { interpretKernel } from "../loop/interpret.ts";
import type { Kernel } from "../loop/ir.ts";
import { type Target, target } from "../targets.ts";
import { expectAgreement } from "../testing/agreement.ts";
import { parameter, scheduledTargets } from "../testing/generator-reference.ts";
import { elementsOf, view } from "./access.ts";
import type { Epilogue } from "./contract.ts";
import { blockedIntegerConvolutionKernel, packedIntegerMatmulKernel } from "./integer.ts";
import { whole } from "./map.ts";
import { rounding } from "./quantize.ts";

const numbers = (count: number, seed: number): number[] => {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
};

/** Bytes of the whole range, many of them at its ends. */
const bytes = (scalar: "u8" | "i8", count: number, seed: number): Uint8Array | Int8Array => {
  const values = numbers(count, seed).map((value) => (value < 20 ? 0 : value > 235 ? 255 : value));
  return scalar === "u8" ? Uint8Array.from(values) : Int8Array.from(values, (value) => value - 128);
};

/** Sums as bytes, the way that quantised graphs end. */
const requantized: Epilogue = (sum) =>
  rounding(
    mul(convert(sum, "f32"), constant("f32", 0.0007, sum.type.lanes)),
    constant("i32", 100, sum.type.lanes),
    3,
    255,
    "u8",
  );

/** Kernels of every target's schedules and of drawn ones give equal elements, each with the interpreter's bits on what this machine runs. */
async function expectOneResult(build: (target: Target) => Kernel, arrays: () => ArrayBufferView[]): Promise<number[]> {
  const results: number[][] = [];
  for (const { to } of scheduledTargets) {
    const kernel = build(to);
    const runs = runnableTargets().includes(to.name) ? [to.name] : runnableTargets().slice(0, 1);
    const all = await expectAgreement(kernel, arrays(), { targets: runs });
    results.push([...(all.at(-1) as Int32Array)]);
  }
  for (const each of results) expect(each).toEqual(results[0]);
  return results[0]!;
}

describe("integer convolution over channel blocks", () => {
  const cases = [
    { scalar: "u8", blocks: 1, channels: 5, out: 1, plane: [3, 5], kernel: [3, 3], stride: [1, 1], dilation: [1, 1] },
    { scalar: "u8", blocks: 2, channels: 32, out: 3, plane: [2, 4], kernel: [1, 1], stride: [2, 1], dilation: [1, 1] },
    { scalar: "i8", blocks: 2, channels: 21, out: 2, plane: [2, 3], kernel: [2, 3], stride: [1, 2], dilation: [1, 2] },
  ] as const;
  it.each(cases)("of $scalar, $channels channels, has one result under every schedule", async (each) => {
    const { scalar, blocks, channels, out, plane, kernel, stride, dilation } = each;
    const [h, w] = plane.map((size, d) => (size - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1) as [
      number,
      number,
    ];
    const input = [1, blocks, h, w, 16];
    const weight = [out, blocks, ...kernel, 4, 16, 4];
    const output = [1, out, ...plane, 16];
    const x = parameter("x", scalar, elementsOf(input), "read");
    const k = parameter("k", "i8", elementsOf(weight), "read");
    const y = parameter("y", "i32", elementsOf(output), "write");
    const [xs, ks] = [bytes(scalar, x.length, 1), bytes("i8", k.length, 2)];
    const found = await expectOneResult(
      (target) =>
        blockedIntegerConvolutionKernel(
          "bytes",
          [x, k, y],
          view(x, input),
          view(k, weight),
          output,
          { stride, dilation, channels },
          whole(y, output),
          (sum) => sum,
          target,
        ),
      () => [xs, ks, new Int32Array(y.length)],
    );
    const counted = Math.ceil(channels / 4) * 4;
    const meant = found.map((_, at) => {
      const lane = at % 16;
      const column = Math.floor(at / 16) % plane[1];
      const row = Math.floor(at / 16 / plane[1]) % plane[0];
      const o = Math.floor(at / 16 / plane[1] / plane[0]);
      let total = 0;
      for (let c = 0; c < counted; c++)
        for (let ky = 0; ky < kernel[0]; ky++)
          for (let kx = 0; kx < kernel[1]; kx++) {
            const [block, j] = [Math.floor(c / 16), c % 16];
            const [r, s] = [row * stride[0] + ky * dilation[0], column * stride[1] + kx * dilation[1]];
            const tap = ((o * blocks + block) * kernel[0] + ky) * kernel[1] + kx;
            total +=
              xs[((block * h + r) * w + s) * 16 + j]! * ks[((tap * 4 + Math.floor(j / 4)) * 16 + lane) * 4 + (j % 4)]!;
          }
      return total;
    });
    expect(found).toEqual(meant);
  });

  it("rounds its sums to bytes in the same kernel", async () => {
    const [input, weight, output] = [
      [1, 1, 4, 6, 16],
      [1, 1, 3, 3, 4, 16, 4],
      [1, 1, 2, 4, 16],
    ];
    const x = parameter("x", "u8", elementsOf(input!), "read");
    const k = parameter("k", "i8", elementsOf(weight!), "read");
    const y = parameter("y", "u8", elementsOf(output!), "write");
    const [xs, ks] = [bytes("u8", x.length, 3), bytes("i8", k.length, 4)];
    const plan = { stride: [1, 1], dilation: [1, 1], channels: 16 } as const;
    const build = (epilogue: Epilogue, to: typeof y) => (target: Target) =>
      blockedIntegerConvolutionKernel(
        "round",
        [x, k, to],
        view(x, input!),
        view(k, weight!),
        output!,
        plan,
        whole(to, output!),
        epilogue,
        target,
      );
    const found = await expectOneResult(build(requantized, y), () => [xs, ks, new Uint8Array(y.length)]);
    const sums = new Int32Array(y.length);
    const plain = parameter("s", "i32", y.length, "write");
    interpretKernel(build((sum) => sum, plain)(target("x86-64-v3")), [xs, ks, sums]);
    const meant = [...sums].map((sum) => {
      const value = Math.fround(sum * Math.fround(0.0007));
      const low = Math.floor(value);
      const nearest = value - low === 0.5 ? low + (low & 1) : Math.round(value);
      return Math.min(Math.max(nearest + 100, 3), 255);
    });
    expect(found).toEqual(meant);
    expect(new Set(found).size).toBeGreaterThan(20);
  });
});

describe("integer product with packed weights", () => {
  const cases = [
    ["u8", 1, 3, 5],
    ["u8", 3, 16, 16],
    ["i8", 2, 21, 37],
    ["u8", 9, 6, 70],
  ] as const;
  it.each(cases)("of %s [%i,%i] by %i columns has one result under every schedule", async (scalar, m, depth, n) => {
    const [blocks, fours] = [Math.ceil(n / 16), Math.ceil(depth / 4)];
    const a = parameter("a", scalar, m * depth, "read");
    const b = parameter("b", "i8", blocks * fours * 64, "read");
    const c = parameter("c", "i32", m * n, "write");
    const [as, bs] = [bytes(scalar, a.length, 5), bytes("i8", b.length, 6)];
    const found = await expectOneResult(
      (target) =>
        packedIntegerMatmulKernel(
          "packed",
          [a, b, c],
          view(a, [m, depth]),
          view(b, [blocks, fours, 16, 4]),
          n,
          whole(c, [m, n]),
          (sum) => sum,
          target,
        ),
      () => [as, bs, new Int32Array(c.length)],
    );
    const meant = found.map((_, at) => {
      const [row, column] = [Math.floor(at / n), at % n];
      let total = 0;
      for (let j = 0; j < depth; j++) {
        const four = (Math.floor(column / 16) * fours + Math.floor(j / 4)) * 16 + (column % 16);
        total += as[row * depth + j]! * bs[four * 4 + (j % 4)]!;
      }
      return total;
    });
    expect(found).toEqual(meant);
  });
});
