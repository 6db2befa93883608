// Products of bytes summed in 32 bits: convolutions and matrix products, plain, and over weights packed for dot products of four.
import {
  add,
  broadcast,
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
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View } from "./access.ts";
import { type BlockedConvolution, blockVectors, channelBlock, eachGroup, tiled, write } from "./blocked.ts";
import { balanced, type Convolution, type Epilogue, unrolled } from "./contract.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor, powerBelow } from "./map.ts";

/** Bytes that one dot product takes of each side. */
export const dotBytes = 4;

/** Outputs that share a block of packed weights. */
export const dotColumns = 16;

/** Sums per weight vector that registers hold, for `vectors` of them beside the operands of a dot product. */
function sumsPerVector({ vectorRegisters, dot }: Target, vectors: number): number {
  // Without the instruction, weights and inputs are each held as two vectors of 16 bits.
  const beside = dot ? vectors + 1 : 2 * vectors + 4;
  return Math.max(1, Math.floor((vectorRegisters - beside) / vectors));
}

/** Four bytes of the input, in every lane of a vector of `lanes` sums. */
const everywhere = (k: KernelBuilder, four: Expression, lanes: number): Expression =>
  lanes === 1
    ? k.let(four)
    : k.let(
        shuffle(
          four,
          Array.from({ length: dotBytes * lanes }, (_, at) => at % dotBytes),
        ),
      );

/** The exact product of two bytes added to a 32-bit sum. */
const multiplyAdd = (left: Expression, right: Expression, sum: Expression): Expression =>
  add(sum, mul(convert(left, "i32"), convert(right, "i32")));

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
  { stride, dilation, channels, groups = 1 }: BlockedConvolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [batch, outBlocks, height, width] = outputShape as [number, number, number, number, number];
  const [, inBlocks, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const { lanes, parts } = blockVectors(target);
  const groupBlocks = outBlocks / groups;
  const outTile = parts === 1 && groupBlocks > 1 ? 2 : 1;
  const most = sumsPerVector(target, outTile * parts);
  const columnTile = balanced(width, most);
  const rowTile = Math.min(height, Math.floor(most / columnTile));
  const fullBlocks = Math.floor(channels / groups / channelBlock);
  const [, , rowStride, columnStride] = input.strides as [number, number, number, number];
  const [blockStride, , , , fourStride] = weight.strides as [number, number, number, number, number];

  const compute = (
    n: Expression | number,
    firstInput: Expression | number,
    ob: Expression | number,
    blocks: number,
    y: Expression | number,
    rows: number,
    x: Expression | number,
    columns: number,
  ) => {
    const pixels = Array.from({ length: rows * columns }, (_, p) => [Math.floor(p / columns), p % columns] as const);
    const vectors = Array.from({ length: blocks * parts }, (_, v) => [Math.floor(v / parts), v % parts] as const);
    const sums = pixels.map(() => vectors.map(() => k.variable(constant("i32", 0, lanes))));
    const taps = (ib: Expression | number, fours: number) => {
      k.for(0, kernelHeight, 1, (ky) =>
        k.for(0, kernelWidth, 1, (kx) => {
          const row = add(mul(y, stride[0]), mul(ky, dilation[0]));
          const column = add(mul(x, stride[1]), mul(kx, dilation[1]));
          const from = k.let(addressOf(input, [n, add(firstInput, ib), row, column, 0].map(fixed)).base);
          const first = k.let(addressOf(weight, [ob, ib, ky, kx, 0, 0, 0].map(fixed)).base);
          for (let four = 0; four < fours; four++) {
            const weights = vectors.map(([o, part]) => {
              const at = add(first, o * blockStride + four * fourStride + part * lanes * dotBytes);
              return k.let(load(weight.buffer, at, lanes * dotBytes));
            });
            pixels.forEach(([r, c], p) => {
              const place = r * stride[0] * rowStride + c * stride[1] * columnStride + four * dotBytes;
              const value = everywhere(k, load(input.buffer, add(from, place), dotBytes), lanes);
              weights.forEach((each, v) => {
                const sum = sums[p]![v]!;
                sum.set(dot4(value, each, sum.get()));
              });
            });
          }
        }),
      );
    };
    if (fullBlocks > 0) k.for(0, fullBlocks, 1, (ib) => taps(ib, channelBlock / dotBytes));
    if (channels % channelBlock > 0) taps(fullBlocks, Math.ceil((channels % channelBlock) / dotBytes));
    pixels.forEach(([r, c], p) => {
      vectors.forEach(([o, part], v) => {
        const at = [n, add(ob, o), add(y, r), add(x, c)].map(fixed);
        write(k, destination, [...at, { base: constant("i64", part * lanes), step: 1 }], sums[p]![v]!, epilogue);
      });
    });
  };

  k.for(0, batch, 1, (n) =>
    eachGroup(k, groups, inBlocks, groupBlocks, (firstInput, firstOutput) =>
      tiled(k, groupBlocks, outTile, (ob, blocks) =>
        tiled(k, height, rowTile, (y, rows) =>
          tiled(k, width, columnTile, (x, columns) =>
            compute(n, firstInput, add(firstOutput, ob), blocks, y, rows, x, columns),
          ),
        ),
      ),
    ),
  );
  return k.finish(name);
}

/** A vector of outputs of a packed product: its block of columns, counted from the tile's, its first lane, and its width. */
interface Column {
  readonly block: number;
  readonly lane: number;
  readonly width: number;
}

/** `size` lanes of a block as vectors of at most `most`, powers of two. */
function columnsOf(block: number, size: number, most: number): Column[] {
  const columns: Column[] = [];
  for (let lane = 0; lane < size; ) {
    const width = Math.min(most, powerBelow(size - lane));
    columns.push({ block, lane, width });
    lane += width;
  }
  return columns;
}

/** Column blocks of a tile of a packed product, at most. */
const mostBlocks = 4;

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
  const { lanes, parts } = blockVectors(target);
  const fullFours = Math.floor(depth / dotBytes);
  const fours = Math.ceil(depth / dotBytes);
  const fullBlocks = Math.floor(columns / dotColumns);
  const fewRows = sumsPerVector(target, mostBlocks * parts) >= rows;
  const wanted = fewRows ? mostBlocks : parts === 1 ? 2 : 1;
  const blockTile = Math.max(1, Math.min(wanted, fullBlocks));
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
            sum.set(dot4(everywhere(k, bytes, vectors[v]!.width), each, sum.get()));
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
    const overRows = (block: Expression | number, vectors: readonly Column[]) => {
      const height = balanced(rows, sumsPerVector(target, vectors.length));
      tiled(k, rows, height, (row, count) => compute(row, count, block, vectors));
    };
    tiled(k, fullBlocks, blockTile, (block, blocks) =>
      overRows(block, Array.from({ length: blocks }, (_, o) => columnsOf(o, dotColumns, lanes)).flat()),
    );
    if (columns % dotColumns > 0) overRows(fullBlocks, columnsOf(0, columns % dotColumns, lanes));
  });
  return k.finish(name);
}

/** C[…,m,n] = Σ_k A[…,m,k]·B[…,k,n] of bytes already broadcast to the same batch dimensions, summed in 32 bits. Exact. */
export function integerMatmulKernel(
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
  const depth = a.shape.at(-1)!;
  forEachOuter(k, a.shape.slice(0, -1), (outer) =>
    alongVectors(k, b.shape.at(-1)!, lanesFor(target, "i32"), (column, width) => {
      const sum = k.variable(constant("i32", 0, width));
      k.for(0, depth, 1, (i) => {
        const left = broadcast(convert(a.at([...outer, fixed(i)], 1), "i32"), width);
        sum.set(multiplyAdd(left, b.at([...outer.slice(0, -1), fixed(i), column], width), sum.get()));
      });
      write(k, destination, [...outer, column], sum, epilogue);
    }),
  );
  return k.finish(name);
}

/** Y[n,o,y,x] = Σ X[n,g·I+i,y·s+ky·d,x·s+kx·d]·W[o,i,ky,kx] of bytes, summed in 32 bits, vectors across x. Exact. */
export function integerConvolutionKernel(
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
  forEachOuter(k, [batch, groups, perGroup, height], ([n, group, o, y]) => {
    const channel = fixed(add(o!.base, mul(group!.base, perGroup)));
    alongVectors(k, width, lanesFor(target, "i32"), (x, count) => {
      const sum = k.variable(constant("i32", 0, count));
      k.for(0, inChannels, 1, (i) =>
        k.for(0, kernelHeight, 1, (ky) =>
          k.for(0, kernelWidth, 1, (kx) => {
            const row = fixed(add(mul(y!.base, stride[0]), mul(ky, dilation[0])));
            const column = { base: add(mul(x.base, stride[1]), mul(kx, dilation[1])), step: x.step * stride[1] };
            const left = input.at([n!, fixed(add(i, mul(group!.base, inChannels))), row, column], count);
            const right = broadcast(convert(weight.at([channel, fixed(i), fixed(ky), fixed(kx)], 1), "i32"), count);
            sum.set(multiplyAdd(left, right, sum.get()));
          }),
        ),
      );
      write(k, destination, [n!, channel, y!, x], sum, epilogue);
    });
  });
  return k.finish(name);
}
