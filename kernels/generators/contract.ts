// Matrix products and convolutions: one chain of fused multiply-adds per output element, vectors across outputs.
import { add, broadcast, constant, fma, KernelBuilder, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { type Destination, forEachOuter, lanesFor } from "./map.ts";
import { store } from "./store.ts";

/** What is done with each finished element before it is stored: bias, activation, residual. */
export type Epilogue = (value: Expression, at: readonly LaneIndex[]) => Expression;

const rowTile = 4;

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[…,k,n] for sources already broadcast to the same batch dimensions.
 *
 * Plan: from +0, one fused multiply-add per k, ascending. Schedule: vectors across n, four rows at a time.
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
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const batch = a.shape.slice(0, -2);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const columns = b.shape.at(-1)!;
  const lanes = lanesFor(target, a.scalar, columns);

  forEachOuter(k, batch, (outer) => {
    const tile = (row: Expression | number, height: number, column: LaneIndex, width: number) => {
      const rowIndex = Array.from({ length: height }, (_, r) => fixed(add(row, r)));
      const sums = rowIndex.map(() => k.variable(constant(a.scalar, 0, width)));
      k.for(0, depth, 1, (i) => {
        const right = k.let(b.at([...outer, fixed(i), column], width));
        rowIndex.forEach((m, r) => {
          sums[r]!.set(fma(broadcast(a.at([...outer, m, fixed(i)], 1), width), right, sums[r]!.get()));
        });
      });
      rowIndex.forEach((m, r) => {
        const at = [...outer, m, column];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sums[r]!.get(), at));
      });
    };
    const overColumns = (row: Expression | number, height: number) => {
      const main = lanes > 1 ? columns - (columns % lanes) : 0;
      if (main > 0) k.for(0, main, lanes, (n) => tile(row, height, { base: n, step: 1 }, lanes));
      if (main < columns) k.for(main, columns, 1, (n) => tile(row, height, fixed(n), 1));
    };
    const tiled = rows - (rows % rowTile);
    if (tiled > 0) k.for(0, tiled, rowTile, (m) => overColumns(m, rowTile));
    if (tiled < rows) overColumns(tiled, rows - tiled);
  });
  return k.finish(name);
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
