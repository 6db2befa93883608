// Matrix products and convolutions: one chain of fused multiply-adds per output element, vectors across outputs.
import { bytesOf } from "../dtype.ts";
import { add, broadcast, constant, fma, index, KernelBuilder, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { type Accumulation, reduceKernel } from "./reduce.ts";
import { store } from "./store.ts";

/** What is done with each finished element before it is stored: bias, activation, residual. */
export type Epilogue = (value: Expression, at: readonly LaneIndex[]) => Expression;

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
 * k, ascending; then segment s merges with s+S/2, s+S/4, …. Schedule: register tiles of rows by vectors across n, a
 * panel of columns kept in cache while all rows pass.
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
  const splits = splitsFor(rows * columns, depth);
  const segment = Math.floor(depth / splits);
  const { height, widths, panel } = matmulTile(target, a.scalar, rows, columns, splits);

  forEachOuter(k, batch, (outer) => {
    const tile = (row: Expression | number, count: number, from: Expression | number, parts: readonly number[]) => {
      const rowIndex = Array.from({ length: count }, (_, r) => fixed(add(row, r)));
      const places = parts.map((width, v): LaneIndex => {
        const base = add(
          from,
          parts.slice(0, v).reduce((sum, each) => sum + each, 0),
        );
        return width === 1 ? fixed(base) : { base, step: 1 };
      });
      const chains = Array.from({ length: splits }, () =>
        rowIndex.map(() => parts.map((width) => k.variable(constant(a.scalar, 0, width)))),
      );
      const accumulate = (s: number, i: Expression) => {
        const right = places.map((place, v) => k.let(b.at([...outer, fixed(i), place], parts[v]!)));
        rowIndex.forEach((m, r) => {
          const left = k.let(a.at([...outer, m, fixed(i)], 1));
          right.forEach((each, v) => {
            const sum = chains[s]![r]![v]!;
            sum.set(fma(broadcast(left, parts[v]!), each, sum.get()));
          });
        });
      };
      unrolled(k, 0, segment, 4, (i) => {
        for (let s = 0; s < splits; s++) accumulate(s, add(i, s * segment));
      });
      unrolled(k, splits * segment, depth, 4, (i) => accumulate(splits - 1, i));
      rowIndex.forEach((m, r) => {
        places.forEach((place, v) => {
          let sums = chains.map((each) => each[r]![v]!.get());
          while (sums.length > 1) {
            const half = sums.length / 2;
            sums = Array.from({ length: half }, (_, s) => k.let(add(sums[s]!, sums[s + half]!)));
          }
          const at = [...outer, m, place];
          const { base, step } = addressOf(destination, at);
          store(k, destination.buffer, base, step, epilogue(sums[0]!, at));
        });
      });
    };
    const overRows = (from: Expression | number, parts: readonly number[]) => {
      const tiled = rows - (rows % height);
      if (tiled > 0) k.for(0, tiled, height, (m) => tile(m, height, from, parts));
      if (tiled < rows) tile(tiled, rows - tiled, from, parts);
    };
    const main = columns - (columns % panel);
    if (main > 0) k.for(0, main, panel, (n) => overRows(n, widths));
    if (main === columns) return;
    // The last vectors reach back over columns that are done, and write them again, to the same bits.
    const [lanes] = widths as [number];
    const rest = Math.ceil((columns - main) / lanes);
    if (columns >= rest * lanes) overRows(columns - rest * lanes, widths.slice(0, rest));
    else overRows(main, vectorWidths(columns - main, lanes));
  });
  return k.finish(name);
}

/** `size` elements as vectors: full ones, then ever smaller powers of two. */
export function vectorWidths(size: number, lanes: number): number[] {
  const widths: number[] = [];
  for (let rest = size, width = lanes; rest > 0; ) {
    if (width <= rest) {
      widths.push(width);
      rest -= width;
    } else width /= 2;
  }
  return widths;
}

/** Calls `body` for from, from + 1, … below `to`; loops over steps of `factor`, written out. */
export function unrolled(
  k: KernelBuilder,
  from: number,
  to: number,
  factor: number,
  body: (i: Expression) => void,
): void {
  const main = to - ((to - from) % factor);
  if (main - from > factor) {
    k.for(from, main, factor, (i) => {
      for (let j = 0; j < factor; j++) body(add(i, j));
    });
  } else for (let i = from; i < main; i++) body(index(i));
  for (let i = main; i < to; i++) body(index(i));
}

/** Sums that a target's registers hold beside one row's operand and the vectors of the other factor. */
const mostVectors = 8;

/** The schedule of a product: rows and vectors of a register tile. */
function matmulTile(
  { vectorBytes, vectorRegisters }: Target,
  scalar: Source["scalar"],
  rows: number,
  columns: number,
  splits: number,
): { height: number; widths: number[]; panel: number } {
  const lanes = vectorBytes / bytesOf(scalar);
  const wanted =
    splits > 1
      ? Math.floor((vectorRegisters - 4) / (2 * splits))
      : Math.max(vectorBytes === 16 ? 4 : 2, Math.floor((vectorRegisters - 2) / (rows + 1)));
  const vectors = Math.max(1, Math.min(wanted, mostVectors, Math.floor(columns / lanes)));
  const most = splits > 1 ? 1 : Math.min(16, Math.floor((vectorRegisters - vectors - 1) / vectors));
  const height = balanced(rows, most);
  return { height, widths: new Array<number>(vectors).fill(lanes), panel: vectors * lanes };
}

/** The smallest tile of at most `most` that covers `size` in as few tiles. */
export const balanced = (size: number, most: number): number => Math.ceil(size / Math.ceil(size / most));

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
  const taps = inChannels * kernelHeight * kernelWidth;
  const unrolled = taps <= 32;

  forEachOuter(k, [batch, groups, perGroup, height], ([n, group, o, y]) => {
    const channel = fixed(add(o!.base, mul(group!.base, perGroup)));
    const chain = (x: LaneIndex, count: number) => {
      const sum = k.variable(constant(input.scalar, 0, count));
      const tap = (i: Expression | number, ky: Expression | number, kx: Expression | number) => {
        const row = fixed(add(mul(y!.base, stride[0]), mul(ky, dilation[0])));
        const column = { base: add(mul(x.base, stride[1]), mul(kx, dilation[1])), step: x.step * stride[1] };
        const left = input.at([n!, fixed(add(i, mul(group!.base, inChannels))), row, column], count);
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
    alongVectors(k, width, lanesFor(target, input.scalar), chain);
  });
  return k.finish(name);
}
