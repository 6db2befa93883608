// Matrix products and convolutions: one chain of fused multiply-adds per output element, vectors across outputs.
import { bytesOf } from "../dtype.ts";
import { add, broadcast, constant, fma, index, isFloat, KernelBuilder, mul } from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import { balanced, extentsOf, type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { type Accumulation, reduceKernel, reductionPlan } from "./reduce.ts";
import { store } from "./store.ts";

/** What is done with each finished element before it is stored: bias, activation, residual. */
export type Epilogue = (value: Expression, at: readonly LaneIndex[]) => Expression;

/**
 * Segments of a product's long dimension: 4 where at most 256 outputs meet 1024 products each or more, else 1.
 *
 * Part of the numeric plan, so a function of the shape alone.
 */
export const splitsFor = (outputs: number, depth: number): number => (outputs <= 256 && depth >= 1024 ? 4 : 1);

/** The plan of a product of matrices, in words. */
export function productPlan(rows: number, depth: number, columns: number): string {
  if (columns === 1) return reductionPlan([depth], [0]);
  const splits = splitsFor(rows * columns, depth);
  return splits === 1 ? "one chain along k" : `${splits} segments of k, a chain each`;
}

/** What a product's elements are summed in, and how one is added: fused and in segments, or of bytes and exact. */
export interface Products {
  readonly scalar: Scalar;
  accumulate(left: Expression, right: Expression, sum: Expression): Expression;
}

/** Products in the dtype of the factors: of floats each fused with its addition, of integers wrapping. */
const inOwnDtype = (scalar: Scalar): Products => ({
  scalar,
  accumulate: isFloat(scalar) ? fma : (left, right, sum) => add(sum, mul(left, right)),
});

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[…,k,n] for sources already broadcast to the same batch dimensions.
 *
 * Plan: with one column, the sixteen chains along k of `reduceKernel`, each product fused with its addition. Otherwise
 * S = `splitsFor(m·n, k)` segments of ⌊k/S⌋ each, the last taking the rest; in each, from +0, one fused multiply-add per
 * k, ascending; then segment s merges with s+S/2, s+S/4, …. Integers wrap, in any order. Schedule: register tiles of rows by vectors across n, a
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
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const splits = splitsFor(rows * columns, depth);
  return tiledProduct(name, buffers, a, b, splits, inOwnDtype(a.scalar), destination, epilogue, target);
}

/** A product in register tiles, in `splits` segments of its long dimension. */
export function tiledProduct(
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  b: Source,
  splits: number,
  { scalar, accumulate: addProduct }: Products,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const columns = b.shape.at(-1)!;
  const batch = a.shape.slice(0, -2);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const segment = Math.floor(depth / splits);
  const lanes = target.machine.vectorBytes / bytesOf(scalar);
  const problem = `matmul ${a.scalar} m${rows} k${depth} n${columns}`;
  const { height, vectors, steps } = target.schedules(productTile(problem, target, lanes, rows, columns, splits));
  const widths = new Array<number>(vectors).fill(lanes);
  const panel = vectors * lanes;

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
        rowIndex.map(() => parts.map((width) => k.variable(constant(scalar, 0, width)))),
      );
      const accumulate = (s: number, i: Expression) => {
        const right = places.map((place, v) => k.let(b.at([...outer, fixed(i), place], parts[v]!)));
        rowIndex.forEach((m, r) => {
          const left = k.let(a.at([...outer, m, fixed(i)], 1));
          right.forEach((each, v) => {
            const sum = chains[s]![r]![v]!;
            sum.set(addProduct(broadcast(left, parts[v]!), each, sum.get()));
          });
        });
      };
      unrolled(k, 0, segment, steps, (i) => {
        for (let s = 0; s < splits; s++) accumulate(s, add(i, s * segment));
      });
      unrolled(k, splits * segment, depth, steps, (i) => accumulate(splits - 1, i));
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

/** Rows by vectors of a register tile, and how many products along the long dimension are written out. */
type ProductTile = { readonly height: number; readonly vectors: number; readonly steps: number };

/** The tiles in question for a product. */
function productTile(
  name: string,
  { machine: { vectorBytes, vectorRegisters } }: Target,
  lanes: number,
  rows: number,
  columns: number,
  splits: number,
): Problem<ProductTile> {
  // A single row meets each vector of the other factor once, straight from memory.
  const wanted =
    splits > 1
      ? Math.floor((vectorRegisters - 4) / (2 * splits))
      : rows === 1
        ? mostVectors
        : Math.max(vectorBytes === 16 ? 4 : 2, Math.floor((vectorRegisters - 2) / (rows + 1)));
  const most = Math.max(1, Math.min(mostVectors, Math.floor(columns / lanes)));
  const vectors = Math.max(1, Math.min(wanted, most));
  const rowsBeside = (vectors: number) =>
    Math.max(
      vectors * splits + 2 <= vectorRegisters ? 1 : 0,
      Math.min(16, Math.floor((vectorRegisters - vectors - 1) / (vectors * splits))),
    );
  const shapes = [1, 2, 3, 4, 5, 6, 7, 8, 12, 16]
    .filter((vectors) => vectors <= Math.max(1, Math.floor(columns / lanes)) && rowsBeside(vectors) > 0)
    .flatMap((vectors) => extentsOf(rows, rowsBeside(vectors)).map((height) => ({ height, vectors })));
  const largest = Math.max(0, ...shapes.map(({ height, vectors }) => height * vectors));
  return problemOf(
    name,
    { height: splits > 1 ? 1 : balanced(rows, rowsBeside(vectors)), vectors, steps: 4 },
    // Fewer sums than half of what there is room for leave the multipliers waiting.
    shapes
      .filter(({ height, vectors }) => 2 * height * vectors >= largest)
      .flatMap((shape) => [2, 4, 8].map((steps) => ({ ...shape, steps }))),
  );
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
  const { scalar, accumulate } = inOwnDtype(a.scalar);
  const accumulation: Accumulation = {
    scalar,
    identity: 0,
    rounds: isFloat(scalar),
    step: (sum, at, lanes) =>
      accumulate(a.at(at, lanes), b.at([...at.slice(0, -2), at[dimension]!, fixed(0)], lanes), sum),
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
 * Schedule: vectors across x; where taps are few, some rows of outputs share what they read.
 */
export function convolutionKernel(
  name: string,
  buffers: readonly Buffer[],
  input: Source,
  weight: Source,
  outputShape: readonly number[],
  plan: Convolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const products = inOwnDtype(input.scalar);
  return planarConvolution(name, buffers, input, weight, outputShape, plan, products, destination, epilogue, target);
}

/** Sizes of a convolution as the names of problems have them. */
export const sizesOf = (
  outputShape: readonly number[],
  kernel: readonly number[],
  { stride, dilation }: Omit<Convolution, "groups">,
): string =>
  [
    `y${outputShape[2]}x${outputShape[3]}`,
    `k${kernel.join("x")}`,
    `s${stride.join("x")}`,
    ...(dilation.some((each) => each !== 1) ? [`d${dilation.join("x")}`] : []),
  ].join(" ");

/** Taps of a window that are written out; loops run over more. */
const mostWrittenOut = 32;

/** Rows of outputs that share the inputs which they read. */
type ConvolutionRows = { readonly rows: number };

/** A convolution over planes, vectors across x, some rows of outputs at a time. */
export function planarConvolution(
  name: string,
  buffers: readonly Buffer[],
  input: Source,
  weight: Source,
  outputShape: readonly number[],
  plan: Convolution,
  { scalar, accumulate }: Products,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { stride, dilation, groups } = plan;
  const [batch, outChannels, height, width] = outputShape as [number, number, number, number];
  const [, inChannels, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const perGroup = outChannels / groups;
  // Few taps are written out, and rows of outputs then share what they read.
  const writtenOut = inChannels * kernelHeight * kernelWidth <= mostWrittenOut;
  const sizes = sizesOf(outputShape, [kernelHeight, kernelWidth], plan);
  const { rows } = target.schedules<ConvolutionRows>(
    problemOf(
      `conv2d ${input.scalar} c${inChannels * groups} o${outChannels} g${groups} ${sizes}`,
      { rows: writtenOut ? balanced(height, 4) : 1 },
      writtenOut ? [1, 2, 3, 4, 6, 8].filter((rows) => rows <= height).map((rows) => ({ rows })) : [],
    ),
  );

  forEachOuter(k, [batch, groups, perGroup], ([n, group, o]) => {
    const channel = fixed(add(mul(group!.base, perGroup), o!.base));
    const firstInput = mul(group!.base, inChannels);
    const chains = (y: Expression, x: LaneIndex, count: number) => {
      const sums = Array.from({ length: rows }, () => k.variable(constant(scalar, 0, count)));
      const left = (i: Expression | number, row: Expression, kx: Expression | number) => {
        const column = { base: add(mul(x.base, stride[1]), mul(kx, dilation[1])), step: x.step * stride[1] };
        return k.let(input.at([n!, fixed(add(firstInput, i)), fixed(row), column], count));
      };
      const tap = (
        r: number,
        value: Expression,
        i: Expression | number,
        ky: Expression | number,
        kx: Expression | number,
      ) => {
        const right = weight.at([channel, fixed(i), fixed(ky), fixed(kx)], 1);
        sums[r]!.set(accumulate(value, broadcast(right, count), sums[r]!.get()));
      };
      const first = mul(y, stride[0]);
      if (writtenOut) {
        const reach = (rows - 1) * stride[0] + (kernelHeight - 1) * dilation[0];
        for (let i = 0; i < inChannels; i++)
          for (let row = 0; row <= reach; row++) {
            // Each output meets its rows in ascending order, whoever else meets them.
            const taps = sums.flatMap((_, r) => {
              const ky = (row - r * stride[0]) / dilation[0];
              return Number.isInteger(ky) && ky >= 0 && ky < kernelHeight ? [{ r, ky }] : [];
            });
            if (taps.length === 0) continue;
            for (let kx = 0; kx < kernelWidth; kx++) {
              const value = left(i, add(first, row), kx);
              for (const { r, ky } of taps) tap(r, value, i, ky, kx);
            }
          }
      } else {
        k.for(0, inChannels, 1, (i) =>
          k.for(0, kernelHeight, 1, (ky) => {
            const row = add(first, mul(ky, dilation[0]));
            unrolled(k, 0, kernelWidth, Math.min(kernelWidth, mostWrittenOut), (kx) =>
              tap(0, left(i, row, kx), i, ky, kx),
            );
          }),
        );
      }
      sums.forEach((sum, r) => {
        const at = [n!, channel, fixed(add(y, r)), x];
        const { base, step } = addressOf(destination, at);
        store(k, destination.buffer, base, step, epilogue(sum.get(), at));
      });
    };
    const across = (y: Expression) =>
      alongVectors(k, width, lanesFor(target, scalar), (x, count) => chains(y, x, count));
    const main = height - (height % rows);
    k.for(0, main, rows, across);
    // The last rows reach back over rows that are done, and write them again, to the same bits.
    if (main < height) across(index(height - rows));
  });
  return k.finish(name);
}
