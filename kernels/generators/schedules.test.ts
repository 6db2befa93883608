// Schedules change no bit: kernels of drawn ones, over drawn shapes, give what the interpreter makes of the usual one.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runnableTargets } from "../base/native.ts";
import { sub } from "../loop/build.ts";
import { interpretKernel } from "../loop/interpret.ts";
import type { Buffer, Kernel } from "../loop/ir.ts";
import { verifyKernel } from "../loop/verify.ts";
import { drawnSchedules, usualSchedules } from "../schedules/index.ts";
import { type Target, type TargetName, target, targetNames } from "../targets.ts";
import { expectAgreement, newArray, type ScalarArray } from "../testing/agreement.ts";
import { parameter, shown, values, workArea } from "../testing/generator-reference.ts";
import { elementsOf, view } from "./access.ts";
import { attentionKernel, attentionWork } from "./attention.ts";
import { blockedConvolutionKernel, depthwiseKernel } from "./blocked.ts";
import { convolutionKernel, matmulKernel } from "./contract.ts";
import { blockWidth, columnWork, copied, gemmKernel, gemmWork, type RightFactor, type RightShape } from "./gemm.ts";
import { groupedConvolutionKernel } from "./grouped.ts";
import {
  blockedIntegerConvolutionKernel,
  integerConvolutionKernel,
  integerMatmulKernel,
  packedIntegerMatmulKernel,
} from "./integer.ts";
import { whole } from "./map.ts";
import { reduceKernel, reducers, reducing } from "./reduce.ts";
import { winogradBlock, winogradKernel } from "./winograd.ts";

/** Cases of each generator: few in `npm test`, many in `npm run nightly`, which leaves none of them on the disk. */
const nightly = process.env.ISOCHRON_NIGHTLY === "1";
const cases = nightly ? 400 : 6;

/** A kernel of drawn shapes, still to be given a target; the last buffer is its result. */
type Build = (target: Target) => Kernel;

const size = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(size(max), size(max));
const reads = (name: string, shape: readonly number[], scalar: Buffer["scalar"] = "f32") =>
  view(parameter(name, scalar, elementsOf(shape), "read"), shape);
const writes = (shape: readonly number[], scalar: Buffer["scalar"] = "f32") =>
  whole(parameter("y", scalar, elementsOf(shape), "write"), shape);
const less = (value: Parameters<typeof sub>[0]) => sub(value, 0.5);

/** Sizes of a convolution over channel blocks, small enough to be interpreted. */
const convolution = fc.record({
  channels: size(37),
  outBlocks: size(3),
  plane: fc.tuple(size(6), size(20)),
  kernel: pair(3),
  stride: pair(2),
  dilation: pair(2),
});
type Sizes = typeof convolution extends fc.Arbitrary<infer S> ? S : never;
const inputPlane = ({ plane, kernel, stride, dilation }: Sizes): number[] =>
  plane.map((length, d) => (length - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1);

const generators: { readonly [name: string]: fc.Arbitrary<Build> } = {
  blockedConv2d: convolution.map((sizes): Build => {
    const { channels, outBlocks, plane, kernel } = sizes;
    const blocks = Math.ceil(channels / 16);
    const x = reads("x", [1, blocks, ...inputPlane(sizes), 16]);
    const w = reads("w", [outBlocks, blocks, ...kernel, 16, 16]);
    const shape = [1, outBlocks, ...plane, 16];
    const y = writes(shape);
    return (to) => blockedConvolutionKernel("k", [x.buffer, w.buffer, y.buffer], x, w, shape, sizes, y, less, to);
  }),
  depthwiseConv2d: convolution.map((sizes): Build => {
    const { outBlocks, plane, kernel } = sizes;
    const x = reads("x", [1, outBlocks, ...inputPlane(sizes), 16]);
    const w = reads("w", [outBlocks, ...kernel, 16]);
    const shape = [1, outBlocks, ...plane, 16];
    const y = writes(shape);
    return (to) => depthwiseKernel("k", [x.buffer, w.buffer, y.buffer], x, w, shape, sizes, y, less, to);
  }),
  winogradConv2d: fc
    .tuple(fc.constantFrom(2 as const, 4 as const), size(2), size(5), pair(13))
    .map(([tile, inBlocks, outBlocks, plane]): Build => {
      const reach = plane.map((length) => Math.ceil(length / tile) * tile + 2);
      const x = reads("x", [1, inBlocks, ...reach, 16]);
      const u = reads("u", [(tile + 2) ** 2, outBlocks, inBlocks * 16, 16]);
      const shape = [1, outBlocks, ...plane, 16];
      const y = writes(shape);
      return (to) => {
        const area = winogradBlock(tile, inBlocks * 16, shape, to);
        const work = { inputs: workArea("inputs", area.inputs), products: workArea("products", area.products) };
        const buffers = [x.buffer, u.buffer, work.inputs, work.products, y.buffer];
        return winogradKernel("k", buffers, x, u, work, shape, tile, y, less, to);
      };
    }),
  matmul: fc.tuple(size(33), fc.constantFrom(1, 7, 30, 1030), size(150)).map(([m, depth, n]): Build => {
    const rows = depth > 1000 ? 1 : m;
    const [a, b, y] = [reads("a", [rows, depth]), reads("b", [depth, n]), writes([rows, n])];
    return (to) => matmulKernel("k", [a.buffer, b.buffer, y.buffer], a, b, y, less, to);
  }),
  attention: fc
    .record({ queries: size(19), keys: size(40), depth: size(5), width: size(35), causal: fc.boolean() })
    .map(({ causal, ...sizes }): Build => {
      const { queries: m, keys: n, depth, width } = sizes;
      const [q, k, v] = [reads("q", [2, m, depth]), reads("k", [2, depth, n]), reads("v", [2, n, width])];
      const sources = { queries: q, keys: k, values: v };
      const y = writes([2, m, width]);
      return (to) => {
        const work = { ...workArea("work", attentionWork(sizes, to)), private: true };
        const buffers = [q.buffer, k.buffer, v.buffer, work, y.buffer];
        return attentionKernel("k", buffers, sources, { scale: 2 ** -18, causal }, work, y, less, to);
      };
    }),
  gemm: fc
    .tuple(size(33), size(40), fc.integer({ min: 33, max: 150 }), fc.boolean())
    .map(([m, depth, most, isPacked]): Build => {
      const width = blockWidth(m, most);
      const blocks = Math.floor(most / width);
      // What two packed blocks hold of one column must be the same, which drawn ones do not: whole blocks.
      const n = isPacked ? blocks * width : most;
      const [a, y] = [reads("a", [m, depth]), writes([m, n])];
      const b = isPacked ? reads("b", [blocks, depth, width]) : reads("b", [depth, n]);
      const columns = workArea("columns", columnWork(depth, n, target("x86-64-v3")));
      const shape: RightShape = isPacked ? { kind: "packed", columns: n, width } : copied(n);
      return (to) => {
        const areas = Object.entries(gemmWork(a, shape, to)).map(
          ([name, elements]) => [name, { ...workArea(name, elements), private: true }] as const,
        );
        const own = areas.map(([, area]) => area);
        const right: RightFactor = isPacked
          ? { kind: "packed", blocks: b, columns: n }
          : { kind: "plain", source: b, work: columns };
        const buffers = [a.buffer, b.buffer, ...(isPacked ? [] : [columns]), ...own, y.buffer];
        return gemmKernel("k", buffers, a, right, Object.fromEntries(areas), y, less, to);
      };
    }),
  groupedConv2d: fc
    .tuple(convolution, fc.constantFrom([1, 1], [2, 2], [2, 4], [8, 8], [4, 16]))
    .map(([sizes, [inputs, outputs]]): Build => {
      const { outBlocks, plane, kernel, stride, dilation } = sizes;
      const blocks = Math.ceil((outBlocks * inputs!) / outputs!);
      const x = reads("x", [1, blocks, ...inputPlane(sizes), 16]);
      const w = reads("w", [outBlocks, ...kernel, inputs!, 16]);
      const shape = [1, outBlocks, ...plane, 16];
      const y = writes(shape);
      const plan = { stride, dilation, inputs: inputs!, outputs: outputs! };
      return (to) => groupedConvolutionKernel("k", [x.buffer, w.buffer, y.buffer], x, w, shape, plan, y, less, to);
    }),
  reduce: fc.tuple(size(3), size(19), size(40)).map(([batch, rows, n]): Build => {
    const [x, y] = [reads("x", [batch, rows, n]), writes([batch, rows])];
    const sum = reducing(x, reducers.sum);
    return (to) => reduceKernel("k", [x.buffer, y.buffer], x.shape, [2], sum, y, less, to);
  }),
  conv2d: fc.tuple(convolution, size(3), size(4)).map(([sizes, groups, channels]): Build => {
    const x = reads("x", [1, groups * channels, ...inputPlane(sizes)]);
    const w = reads("w", [groups * sizes.outBlocks, channels, ...sizes.kernel]);
    const shape = [1, groups * sizes.outBlocks, ...sizes.plane];
    const [y, plan] = [writes(shape), { ...sizes, groups }];
    return (to) => convolutionKernel("k", [x.buffer, w.buffer, y.buffer], x, w, shape, plan, y, less, to);
  }),
  convInteger: fc.tuple(convolution, size(3), size(4)).map(([sizes, groups, channels]): Build => {
    const x = reads("x", [1, groups * channels, ...inputPlane(sizes)], "u8");
    const w = reads("w", [groups * sizes.outBlocks, channels, ...sizes.kernel], "i8");
    const shape = [1, groups * sizes.outBlocks, ...sizes.plane];
    const [y, plan] = [writes(shape, "i32"), { ...sizes, groups }];
    const buffers = [x.buffer, w.buffer, y.buffer];
    return (to) => integerConvolutionKernel("k", buffers, x, w, shape, plan, y, (sum) => sum, to);
  }),
  blockedConvInteger: convolution.map((sizes): Build => {
    const { channels, outBlocks, plane, kernel } = sizes;
    const blocks = Math.ceil(channels / 16);
    const x = reads("x", [1, blocks, ...inputPlane(sizes), 16], "u8");
    const w = reads("w", [outBlocks, blocks, ...kernel, 4, 16, 4], "i8");
    const shape = [1, outBlocks, ...plane, 16];
    const y = writes(shape, "i32");
    const buffers = [x.buffer, w.buffer, y.buffer];
    return (to) => blockedIntegerConvolutionKernel("k", buffers, x, w, shape, sizes, y, (sum) => sum, to);
  }),
  packedMatmulInteger: fc.tuple(size(20), size(30), size(100)).map(([m, depth, n]): Build => {
    const a = reads("a", [m, depth], "u8");
    const b = reads("b", [Math.ceil(n / 16), Math.ceil(depth / 4), 16, 4], "i8");
    const y = writes([m, n], "i32");
    return (to) => packedIntegerMatmulKernel("k", [a.buffer, b.buffer, y.buffer], a, b, n, y, (sum) => sum, to);
  }),
  matmulInteger: fc.tuple(size(20), size(30), size(100)).map(([m, depth, n]): Build => {
    const [a, b, y] = [reads("a", [m, depth], "u8"), reads("b", [depth, n], "i8"), writes([m, n], "i32")];
    return (to) => integerMatmulKernel("k", [a.buffer, b.buffer, y.buffer], a, b, y, (sum) => sum, to);
  }),
};

/** Arrays for a kernel: numbers where it reads, nothing yet elsewhere. */
const arraysFor = ({ buffers }: Kernel): ScalarArray[] =>
  buffers.map(({ scalar, length, access }, at) => {
    const array = newArray(scalar, length);
    if (access !== "read") return array;
    values(length, at + 1).forEach((each, i) => {
      (array as Float32Array)[i] = scalar === "f32" ? each : (each * 2 ** 20) | 0;
    });
    return array;
  });

describe("drawn schedules give the bits of the usual one", () => {
  it.each(Object.entries(generators))("in kernels of %s", async (_, builds) => {
    const drawn = fc.tuple(builds, fc.constantFrom<TargetName>(...targetNames), fc.nat());
    for (const [build, name, seed] of fc.sample(drawn, { numRuns: cases, seed: 20_261_129 })) {
      const usual = build(target(name, usualSchedules));
      const meant = arraysFor(usual);
      interpretKernel(usual, meant);
      const kernel = build(target(name, drawnSchedules(seed)));
      verifyKernel(kernel);
      const targets = runnableTargets().includes(name) ? [name] : runnableTargets().slice(0, 1);
      const found = await expectAgreement(kernel, arraysFor(kernel), { targets, cached: !nightly });
      expect(shown(found.at(-1) as Float32Array), `${name}, seed ${seed}`).toEqual(shown(meant.at(-1) as Float32Array));
    }
  });
});
