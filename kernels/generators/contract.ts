// Matrix products and convolutions: one chain of fused multiply-adds per output element, vectors across outputs.
import { add, broadcast, constant, fma, KernelBuilder, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { type Destination, forEachOuter, lanesFor } from "./map.ts";
import { type Accumulation, reduceKernel } from "./reduce.ts";
import { store } from "./store.ts";

/** What is done with each finished element before it is stored: bias, activation, residual. */
export type Epilogue = (value: Expression, at: readonly LaneIndex[]) => Expression;

const rowTile = 4;

/**
 * Segments of a product's long dimension: 4 where at most 256 outputs meet 1024 products each or more, else 1.
 *
 * Part of the numeric plan, so a function of the shape alone.
 */
export const splitsFor = (outputs: number, depth: number): number => (outputs <= 256 && depth >= 1024 ? 4 : 1);

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[…,k,n] for sources already broadcast to the same batch dimensions.
 *
 * Plan: with one column, the sixteen chains along k of `reduceKernel`, each product fused with its addition. Otherwise
 * S = `splitsFor(m·n, k)` segments of ⌊k/S⌋ each, the last taking the rest; in each, from +0, one fused multiply-add per
 * k, ascending; then segment s merges with s+S/2, s+S/4, …. Schedule: vectors across n, four rows at a time.
 */
export function matmulKernel(
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  b: Source,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const columns = b.shape.at(-1)!;
  if (columns === 1) return vectorProduct(name, buffers, a, b, destination, epilogue, target);
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const batch = a.shape.slice(0, -2);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const lanes = lanesFor(target, a.scalar, columns);
  const splits = splitsFor(rows * columns, depth);
  const segment = Math.floor(depth / splits);
  const height = splits === 1 ? rowTile : 1;

  forEachOuter(k, batch, (outer) => {
    const tile = (row: Expression | number, count: number, column: LaneIndex, width: number) => {
      const rowIndex = Array.from({ length: count }, (_, r) => fixed(add(row, r)));
      const chains = Array.from({ length: splits }, () => rowIndex.map(() => k.variable(constant(a.scalar, 0, width))));
      const accumulate = (s: number, i: Expression) => {
        const right = k.let(b.at([...outer, fixed(i), column], width));
        rowIndex.forEach((m, r) => {
          const sum = chains[s]![r]!;
          sum.set(fma(broadcast(a.at([...outer, m, fixed(i)], 1), width), right, sum.get()));
        });
      };
      k.for(0, segment, 1, (i) => {
        for (let s = 0; s < splits; s++) accumulate(s, add(i, s * segment));
      });
      if (splits * segment < depth) k.for(splits * segment, depth, 1, (i) => accumulate(splits - 1, i));
      rowIndex.forEach((m, r) => {
        let sums = chains.map((each) => each[r]!.get());
        while (sums.length > 1) {
          const half = sums.length / 2;
          sums = Array.from({ length: half }, (_, s) => k.let(add(sums[s]!, sums[s + half]!)));
        }
        const at = [...outer, m, column];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sums[0]!, at));
      });
    };
    const overColumns = (row: Expression | number, count: number) => {
      const main = lanes > 1 ? columns - (columns % lanes) : 0;
      if (main > 0) k.for(0, main, lanes, (n) => tile(row, count, { base: n, step: 1 }, lanes));
      if (main < columns) k.for(main, columns, 1, (n) => tile(row, count, fixed(n), 1));
    };
    const tiled = rows - (rows % height);
    if (tiled > 0) k.for(0, tiled, height, (m) => overColumns(m, height));
    if (tiled < rows) overColumns(tiled, rows - tiled);
  });
  return k.finish(name);
}

/** A matrix times one column: a dot product per row, vectors along k. */
function vectorProduct(
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  b: Source,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const dimension = a.shape.length - 1;
  const accumulation: Accumulation = {
    scalar: a.scalar,
    identity: 0,
    step: (sum, at, lanes) => fma(a.at(at, lanes), b.at([...at.slice(0, -2), at[dimension]!, fixed(0)], lanes), sum),
    merge: (x, y) => add(x, y),
  };
  const place = { ...destination, strides: destination.strides.slice(0, -1) };
  const finish = (value: Expression, at: readonly LaneIndex[]) => epilogue(value, [...at, fixed(0)]);
  return reduceKernel(name, buffers, a.shape, [dimension], accumulation, place, finish, target);
}

/** A two-dimensional convolution; the input is already padded. */
export interface Convolution {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}

/**
 * Y[n,o,y,x] = Σ X[n,g·I+i, y·s+ky·d, x·s+kx·d]·W[o,i,ky,kx] over an input that holds its padding.
 *
 * Plan: from +0, one fused multiply-add per tap, in the order i, ky, kx; padded taps are multiplied like any other.
 * Schedule: vectors across x.
 */
export function convolutionKernel(
  name: string,
  buffers: readonly Buffer[],
  input: Source,
  weight: Source,
  outputShape: readonly number[],
  { stride, dilation, groups }: Convolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [batch, outChannels, height, width] = outputShape as [number, number, number, number];
  const [, inChannels, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const perGroup = outChannels / groups;
  const lanes = lanesFor(target, input.scalar, width);
  const taps = inChannels * kernelHeight * kernelWidth;
  const unrolled = taps <= 32;

  for (let group = 0; group < groups; group++) {
    forEachOuter(k, [batch, perGroup, height], ([n, o, y]) => {
      const channel = fixed(add(o!.base, group * perGroup));
      const chain = (x: LaneIndex, count: number) => {
        const sum = k.variable(constant(input.scalar, 0, count));
        const tap = (i: Expression | number, ky: Expression | number, kx: Expression | number) => {
          const row = fixed(add(mul(y!.base, stride[0]), mul(ky, dilation[0])));
          const column = { base: add(mul(x.base, stride[1]), mul(kx, dilation[1])), step: x.step * stride[1] };
          const left = input.at([n!, fixed(add(i, group * inChannels)), row, column], count);
          const right = weight.at([channel, fixed(i), fixed(ky), fixed(kx)], 1);
          sum.set(fma(left, broadcast(right, count), sum.get()));
        };
        if (unrolled) {
          for (let i = 0; i < inChannels; i++)
            for (let ky = 0; ky < kernelHeight; ky++) for (let kx = 0; kx < kernelWidth; kx++) tap(i, ky, kx);
        } else {
          k.for(0, inChannels, 1, (i) =>
            k.for(0, kernelHeight, 1, (ky) => {
              for (let kx = 0; kx < kernelWidth; kx++) tap(i, ky, kx);
            }),
          );
        }
        const at = [n!, channel, y!, x];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sum.get(), at));
      };
      const main = lanes > 1 ? width - (width % lanes) : 0;
      if (main > 0) k.for(0, main, lanes, (x) => chain({ base: x, step: 1 }, lanes));
      if (main < width) k.for(main, width, 1, (x) => chain(fixed(x), 1));
    });
  }
  return k.finish(name);
}
