// Products of bytes summed in 32 bits: convolutions and matrix products, plain, and over weights packed for dot products of four.
import {
  add,
  constant,
  convert,
  dot4,
  KernelBuilder,
  load,
  lt,
  mul,
  ramp,
  shuffle,
  type Variable,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { balanced, extentsOf, type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View } from "./access.ts";
import { type BlockedConvolution, blockVectors, channelBlock, directConvolution, tiled, write } from "./blocked.ts";
import {
  type Convolution,
  type Epilogue,
  type Products,
  planarConvolution,
  tiledProduct,
  unrolled,
  vectorWidths,
} from "./contract.ts";
import { type Destination, forEachOuter } from "./map.ts";

/** Bytes that one dot product takes of each side. */
export const dotBytes = 4;

/** Outputs that share a block of packed weights. */
export const dotColumns = 16;

/** Sums per weight vector that registers hold, for `vectors` of them beside the operands of a dot product. */
function sumsPerVector({ machine: { vectorRegisters, dot } }: Target, vectors: number): number {
  // Without the instruction, weights and inputs are each held as two vectors of 16 bits.
  const beside = dot ? vectors + 1 : 2 * vectors + 4;
  return Math.max(1, Math.floor((vectorRegisters - beside) / vectors));
}

/** What schedules are chosen for: another problem where an instruction makes the dot products. */
export const named = (generator: string, { machine: { dot } }: Target): string =>
  dot ? `${generator} ${dot}` : generator;

/** Four bytes of the input, in every lane of a vector of `lanes` sums. */
const everywhere = (four: Expression, lanes: number): Expression =>
  lanes === 1
    ? four
    : shuffle(
        four,
        Array.from({ length: dotBytes * lanes }, (_, at) => at % dotBytes),
      );

/**
 * Y[n,o,y,x,·] = Σ X[n,i,y·s+ky·d,x·s+kx·d,j]·W[o,i,ky,kx,j,·] over bytes in blocks [n,i,h,w,16], summed in 32 bits; the
 * weight is [o,i,kh,kw,4,16,4]: channels of a block in fours, then outputs, then the channels of a four.
 *
 * Plan: exact, the sum wrapping; weights of channels beyond `channels` are zeros, and fours of nothing else are skipped.
 * Schedule: vectors across output channels, tiles of pixels in registers.
 */
export function blockedIntegerConvolutionKernel(
  name: string,
  buffers: readonly Buffer[],
  input: View,
  weight: View,
  outputShape: readonly number[],
  plan: BlockedConvolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  return directConvolution(name, buffers, input, weight, outputShape, plan, destination, epilogue, target, {
    name: named("blockedConvInteger", target),
    sum: "i32",
    together: dotBytes,
    writtenOut: channelBlock / dotBytes,
    pixels: (vectors) => {
      const usual = sumsPerVector(target, vectors);
      return { usual, most: usual };
    },
    operand: everywhere,
    accumulate: dot4,
  });
}

/** A vector of outputs of a packed product: its block of columns, counted from the tile's, its first lane, and its width. */
interface Column {
  readonly block: number;
  readonly lane: number;
  readonly width: number;
}

/** `size` lanes of a block as vectors of at most `most`, powers of two. */
function columnsOf(block: number, size: number, most: number): Column[] {
  let next = 0;
  return vectorWidths(size, most).map((width) => {
    const lane = next;
    next += width;
    return { block, lane, width };
  });
}

/** Column blocks of a tile of a packed product, at most. */
const mostBlocks = 4;

/** Rows by blocks of columns of a register tile. */
type PackedTile = { readonly rows: number; readonly blocks: number };

/** The tiles in question for a packed product. */
function packedTile(name: string, target: Target, rows: number, fullBlocks: number): Problem<PackedTile> {
  const { parts } = blockVectors(target);
  const most = (blocks: number) => sumsPerVector(target, blocks * parts);
  // Every row takes an address beside its sums: where dot products leave the registers, few rows by many columns.
  const wide = most(mostBlocks) >= rows || (target.machine.dot && parts === 1);
  const wanted = wide ? mostBlocks : parts === 1 ? 2 : 1;
  const blocks = Math.max(1, Math.min(wanted, fullBlocks));
  const others = Array.from({ length: Math.min(mostBlocks, fullBlocks) }, (_, b) => b + 1).flatMap((blocks) =>
    extentsOf(rows, most(blocks)).map((rows) => ({ rows, blocks })),
  );
  return problemOf(name, { rows: balanced(rows, most(blocks)), blocks }, others);
}

/**
 * C[…,m,n] = Σ_k A[…,m,k]·B[k,n] of bytes, summed in 32 bits; B is packed [⌈n/16⌉,⌈k/4⌉,16,4], zeros where it has no element.
 *
 * Plan: exact, the sum wrapping. Schedule: register tiles of rows by vectors across n.
 */
export function packedIntegerMatmulKernel(
  name: string,
  buffers: readonly Buffer[],
  a: View,
  b: View,
  columns: number,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const { lanes } = blockVectors(target);
  const fullFours = Math.floor(depth / dotBytes);
  const fours = Math.ceil(depth / dotBytes);
  const fullBlocks = Math.floor(columns / dotColumns);
  const problem = `${named("packedMatmulInteger", target)} m${rows} k${depth} n${columns}`;
  const tile = target.schedules(packedTile(problem, target, rows, fullBlocks));
  const [blockStride, fourStride] = [fours * dotColumns * dotBytes, dotColumns * dotBytes];

  forEachOuter(k, a.shape.slice(0, -2), (outer) => {
    const compute = (
      row: Expression | number,
      count: number,
      block: Expression | number,
      vectors: readonly Column[],
    ) => {
      const sums = Array.from({ length: count }, () =>
        vectors.map(({ width }) => k.variable(constant("i32", 0, width))),
      );
      const from = Array.from({ length: count }, (_, r) =>
        k.let(addressOf(a, [...outer, fixed(add(row, r)), fixed(0)]).base),
      );
      const first = k.let(mul(block, blockStride));
      const accumulate = (four: Expression | number, mask?: Expression) => {
        const weights = vectors.map(({ block: o, lane, width }) => {
          const at = add(add(first, mul(four, fourStride)), o * blockStride + lane * dotBytes);
          return k.let(load(b.buffer, at, width * dotBytes));
        });
        from.forEach((start, r) => {
          const bytes = k.let(load(a.buffer, add(start, mul(four, dotBytes)), dotBytes, mask));
          weights.forEach((each, v) => {
            const sum: Variable = sums[r]![v]!;
            sum.set(dot4(k.let(everywhere(bytes, vectors[v]!.width)), each, sum.get()));
          });
        });
      };
      unrolled(k, 0, fullFours, 4, (four) => accumulate(four));
      if (fullFours < fours)
        accumulate(fullFours, lt(ramp(0, 1, dotBytes), constant("i64", depth - fullFours * dotBytes, dotBytes)));
      sums.forEach((row_, r) => {
        row_.forEach((sum, v) => {
          const { block: o, lane, width } = vectors[v]!;
          const place: LaneIndex = {
            base: add(mul(add(block, o), dotColumns), lane),
            step: width === 1 ? 0 : 1,
          };
          write(k, destination, [...outer, fixed(add(row, r)), place], sum, epilogue);
        });
      });
    };
    const overRows = (block: Expression | number, vectors: readonly Column[]) =>
      tiled(k, rows, tile.rows, (row, count) => compute(row, count, block, vectors));
    tiled(k, fullBlocks, tile.blocks, (block, blocks) =>
      overRows(block, Array.from({ length: blocks }, (_, o) => columnsOf(o, dotColumns, lanes)).flat()),
    );
    if (columns % dotColumns > 0) overRows(fullBlocks, columnsOf(0, columns % dotColumns, lanes));
  });
  return k.finish(name);
}

/** The exact product of two bytes added to a 32-bit sum. */
const wrapping: Products = {
  scalar: "i32",
  accumulate: (left, right, sum) => add(sum, mul(convert(left, "i32"), convert(right, "i32"))),
};

/** C[…,m,n] = Σ_k A[…,m,k]·B[…,k,n] of bytes already broadcast to the same batch dimensions, summed in 32 bits. Exact. */
export const integerMatmulKernel = (
  name: string,
  buffers: readonly Buffer[],
  a: Source,
  b: Source,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel => tiledProduct(name, buffers, a, b, 1, wrapping, destination, epilogue, target);

/** Y[n,o,y,x] = Σ X[n,g·I+i,y·s+ky·d,x·s+kx·d]·W[o,i,ky,kx] of bytes, summed in 32 bits, vectors across x. Exact. */
export const integerConvolutionKernel = (
  name: string,
  buffers: readonly Buffer[],
  input: Source,
  weight: Source,
  outputShape: readonly number[],
  plan: Convolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel =>
  planarConvolution(name, buffers, input, weight, outputShape, plan, wrapping, destination, epilogue, target);
