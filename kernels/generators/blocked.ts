// Convolutions over channels in blocks of 16: direct, with register tiles of pixels by output channels, and depthwise.
import { add, broadcast, constant, div, fma, KernelBuilder, load, mul, rem, type Variable } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { balanced, extentsOf, type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type View } from "./access.ts";
import { type Epilogue, sizesOf, unrolled } from "./contract.ts";
import type { Destination } from "./map.ts";
import { store } from "./store.ts";

/** Channels of a block: the innermost dimension of a blocked tensor [n, c/16, h, w, 16]. */
export const channelBlock = 16;

/** What a blocked convolution does; the input holds its padding. */
export interface BlockedConvolution {
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Input channels that count: the last block may hold others, which are not read. */
  readonly channels: number;
  /** Groups of whole blocks, each with its share of inputs and outputs; one unless given. */
  readonly groups?: number | undefined;
}

/** Lanes of a vector across a channel block, and how many of them make the block. */
export function blockVectors({ machine: { vectorBytes } }: Target): { lanes: number; parts: number } {
  const lanes = Math.min(channelBlock, vectorBytes / 4);
  return { lanes, parts: channelBlock / lanes };
}

/** Calls `body` with the first block of inputs and of outputs of every group. */
function eachGroup(
  k: KernelBuilder,
  groups: number,
  inputs: number,
  outputs: number,
  body: (firstInput: Expression | number, firstOutput: Expression | number) => void,
): void {
  if (groups === 1) body(0, 0);
  else k.for(0, groups, 1, (group) => body(mul(group, inputs), mul(group, outputs)));
}

/** Splits 0 … size into tiles of `tile` and one rest; each is called with its start and its extent. */
export function tiled(
  k: KernelBuilder,
  size: number,
  tile: number,
  body: (from: Expression | number, extent: number) => void,
): void {
  const main = size - (size % tile);
  if (main === tile) body(0, tile);
  else if (main > 0) k.for(0, main, tile, (from) => body(from, tile));
  if (main < size) body(main, size - main);
}

/** Blocks of output channels by rows by columns of pixels that a direct convolution sums at once. */
type PixelTile = {
  readonly blocks: number;
  readonly rows: number;
  readonly columns: number;
};

/** What direct convolutions of floats and of bytes do differently. */
export interface DirectProducts {
  readonly name: string;
  readonly sum: "f32" | "i32";
  /** Channels of the input that one step takes together: the weight is [o,i,kh,kw,16/together,16,together]. */
  readonly together: number;
  /** Steps that are written out, of those of a block. */
  readonly writtenOut: number;
  /** Sums for each of `vectors` weight vectors that registers hold, with room to spare, and at the most. */
  pixels(vectors: number): { readonly usual: number; readonly most: number };
  /** What `together` channels of a pixel are to every lane. */
  operand(channels: Expression, lanes: number): Expression;
  /** The products of one step added to a sum. */
  accumulate(operand: Expression, weight: Expression, sum: Expression): Expression;
}

/** The tiles in question for a direct convolution. */
function pixelTiles(
  name: string,
  target: Target,
  [outBlocks, height, width]: readonly [number, number, number],
  pixels: DirectProducts["pixels"],
): Problem<PixelTile> {
  const { parts } = blockVectors(target);
  /** A few rows, or as many as narrow planes leave room for. */
  const rowsOf = (pixels: number) =>
    [1, 2, 3, 4, Math.floor(pixels / width)].filter((rows) => rows >= 1 && rows <= Math.min(height, pixels));
  const usualBlocks = parts === 1 && outBlocks > 1 ? 2 : 1;
  const { usual } = pixels(usualBlocks * parts);
  // As few tiles as may be, the widest of these.
  const [fewest] = rowsOf(usual)
    .map((rows) => ({ rows, columns: balanced(width, Math.floor(usual / rows)) }))
    .map((tile) => ({ tile, count: Math.ceil(height / tile.rows) * Math.ceil(width / tile.columns) }))
    .sort((a, b) => a.count - b.count);
  const others = [1, 2, 4]
    .filter((blocks) => blocks <= outBlocks && blocks * parts <= 4)
    .flatMap((blocks) => {
      const { most } = pixels(blocks * parts);
      return (
        rowsOf(most)
          .flatMap((rows) => extentsOf(width, Math.floor(most / rows)).map((columns) => ({ blocks, rows, columns })))
          // Fewer sums than half of what there is room for leave the multipliers waiting.
          .filter(({ rows, columns }) => 2 * rows * columns >= Math.min(most, height * width))
      );
    });
  return problemOf(name, { blocks: usualBlocks, ...fewest!.tile }, others);
}

/** Elements of a cache line of float32, and lines of the weights of one tap between two blocks of channels. */
const lineElements = 16;
const linesPerTap = 16;

/** Where a block of outputs has more tiles, its weights come soon enough without. */
const mostTilesAhead = 64;

/**
 * Which lines of a tap's weights a tile has fetched for the next blocks of outputs: all tiles of a plane together fetch all of
 * them, so that weights that lie in no near cache, as in a network, come while there is time.
 */
function weightsAhead(
  k: KernelBuilder,
  tile: PixelTile,
  [height, width]: readonly [number, number],
  y: Expression | number,
  x: Expression | number,
): { readonly lines: number; readonly from: Expression } {
  const [down, across] = [Math.ceil(height / tile.rows), Math.ceil(width / tile.columns)];
  if (down * across > mostTilesAhead) return { lines: 0, from: constant("i64", 0) };
  const lines = Math.ceil(linesPerTap / (down * across));
  const at = add(mul(div(y, tile.rows), across), div(x, tile.columns));
  return { lines, from: k.let(rem(mul(at, lines * lineElements), linesPerTap * lineElements)) };
}

/** A convolution over channel blocks in tiles of pixels by vectors of output channels, each kept in registers. */
export function directConvolution(
  name: string,
  buffers: readonly Buffer[],
  input: View,
  weight: View,
  outputShape: readonly number[],
  plan: BlockedConvolution,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
  products: DirectProducts,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { stride, dilation, channels, groups = 1 } = plan;
  const { together } = products;
  const shape = outputShape as readonly [number, number, number, number, number];
  const [batch, outBlocks, height, width] = shape;
  const [, inBlocks, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const { lanes, parts } = blockVectors(target);
  const groupBlocks = outBlocks / groups;
  const fullBlocks = Math.floor(channels / groups / channelBlock);
  const [, , rowStride, columnStride, channelStride] = input.strides as [number, number, number, number, number];
  const [blockStride, , , , stepStride] = weight.strides as [number, number, number, number, number];
  const layout = channelStride === 1 ? "" : " planar";
  const sizes = sizesOf(outputShape, [kernelHeight, kernelWidth], plan);
  const grouped = groups === 1 ? "" : ` g${groups}`;
  const problem = `${products.name}${layout} c${channels} o${outBlocks * channelBlock}${grouped} ${sizes}`;
  const tile = target.schedules(
    pixelTiles(problem, target, [groupBlocks, height, width], (vectors) => products.pixels(vectors)),
  );

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
    const ahead = weightsAhead(k, tile, [height, width], y, x);
    const vectors = Array.from({ length: blocks * parts }, (_, v) => [Math.floor(v / parts), v % parts] as const);
    const sums = pixels.map(() => vectors.map(() => k.variable(constant(products.sum, 0, lanes))));
    const taps = (ib: Expression | number, inner: number) => {
      k.for(0, kernelHeight, 1, (ky) =>
        k.for(0, kernelWidth, 1, (kx) => {
          const row = add(mul(y, stride[0]), mul(ky, dilation[0]));
          const column = add(mul(x, stride[1]), mul(kx, dilation[1]));
          const from = k.let(addressOf(input, [n, add(firstInput, ib), row, column, 0].map(fixed)).base);
          const first = addressOf(weight, [ob, ib, ky, kx, ...weight.shape.slice(4).map(() => 0)].map(fixed)).base;
          for (let block = 0; block < blocks; block++)
            for (let line = 0; line < ahead.lines; line++) {
              const next = (tile.blocks + block) * blockStride + line * lineElements;
              k.prefetch(weight.buffer, add(add(first, next), ahead.from));
            }
          unrolled(k, 0, Math.ceil(inner / together), products.writtenOut, (step) => {
            const source = k.let(add(from, mul(step, together * channelStride)));
            const at = k.let(add(first, mul(step, stepStride)));
            const weights = vectors.map(([o, part]) =>
              k.let(load(weight.buffer, add(at, o * blockStride + part * lanes * together), lanes * together)),
            );
            pixels.forEach(([r, c], p) => {
              const place = add(source, r * stride[0] * rowStride + c * stride[1] * columnStride);
              const value = k.let(products.operand(load(input.buffer, place, together), lanes));
              weights.forEach((each, v) => {
                const sum = sums[p]![v]!;
                sum.set(products.accumulate(value, each, sum.get()));
              });
            });
          });
        }),
      );
    };
    if (fullBlocks > 0) k.for(0, fullBlocks, 1, (ib) => taps(ib, channelBlock));
    if (channels % channelBlock > 0) taps(fullBlocks, channels % channelBlock);
    pixels.forEach(([r, c], p) => {
      vectors.forEach(([o, part], v) => {
        const at = [n, add(ob, o), add(y, r), add(x, c)].map(fixed);
        write(k, destination, [...at, { base: constant("i64", part * lanes), step: 1 }], sums[p]![v]!, epilogue);
      });
    });
  };

  k.for(0, batch, 1, (n) =>
    eachGroup(k, groups, inBlocks, groupBlocks, (firstInput, firstOutput) =>
      tiled(k, groupBlocks, tile.blocks, (ob, blocks) =>
        tiled(k, height, tile.rows, (y, rows) =>
          tiled(k, width, tile.columns, (x, columns) =>
            compute(n, firstInput, add(firstOutput, ob), blocks, y, rows, x, columns),
          ),
        ),
      ),
    ),
  );
  return k.finish(name);
}

/**
 * Y[n,o,y,x,·] = Σ X[n,i,y·s+ky·d,x·s+kx·d,j]·W[o,i,ky,kx,j,·] over input [n,i,h,w,16] and weight [o,i,kh,kw,16,16]; of
 * groups, i counts from the first block of its own.
 *
 * Plan: from +0, one fused multiply-add per tap, in the order block i, ky, kx, channel j of the block; channels beyond
 * `channels` are skipped, padded taps multiplied like any other. Schedule: vectors across output channels, tiles of
 * pixels in registers.
 */
export function blockedConvolutionKernel(
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
  const { vectorRegisters } = target.machine;
  return directConvolution(name, buffers, input, weight, outputShape, plan, destination, epilogue, target, {
    name: "blockedConv2d",
    sum: "f32",
    together: 1,
    writtenOut: 1,
    // Beside the sums, one vector of each weight and one pixel, which some instructions take from memory.
    pixels: (vectors) => ({
      usual: Math.floor((vectorRegisters - vectors - 1) / vectors),
      most: Math.floor((vectorRegisters - vectors) / vectors),
    }),
    operand: broadcast,
    accumulate: fma,
  });
}

/** Finishes one vector and writes it where its index lies. */
export function write(
  k: KernelBuilder,
  destination: Destination,
  at: readonly LaneIndex[],
  sum: Variable,
  epilogue: Epilogue,
): void {
  const { base, step } = addressOf(destination, at);
  store(k, destination.buffer, base, step, epilogue(k.let(sum.get()), at));
}

/** Columns that a depthwise convolution sums at once, and whether its weights stay in registers meanwhile: 1 or 0. */
type DepthwiseRow = { readonly columns: number; readonly resident: number };

/** Taps of a window that are written out; loops run over more. */
const mostWrittenOut = 128;

function depthwiseRows(
  name: string,
  { machine: { vectorRegisters } }: Target,
  taps: number,
  width: number,
): Problem<DepthwiseRow> {
  const most = (resident: number) => vectorRegisters - (resident === 1 ? taps : 1) - 2;
  const usual = taps <= vectorRegisters / 2 ? 1 : 0;
  const others = [0, 1].flatMap((resident) =>
    [2, 4, 6, 8, 12, 16]
      .filter((columns) => columns <= most(resident))
      .flatMap((columns) => extentsOf(width, columns).map((each) => ({ columns: each, resident }))),
  );
  return problemOf(name, { columns: balanced(width, Math.min(8, most(usual))), resident: usual }, others);
}

/**
 * Y[n,c,y,x,·] = Σ X[n,c,y·s+ky·d,x·s+kx·d,·]·W[c,ky,kx,·]: each channel with a kernel of its own.
 *
 * Plan: from +0, one fused multiply-add per tap, in the order ky, kx. Schedule: vectors across channels, a row of
 * pixels at a time.
 */
export function depthwiseKernel(
  name: string,
  buffers: readonly Buffer[],
  input: View,
  weight: View,
  outputShape: readonly number[],
  plan: Omit<BlockedConvolution, "channels" | "groups">,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { stride, dilation } = plan;
  const [batch, blocks, height, width] = outputShape as [number, number, number, number, number];
  const [, kernelHeight, kernelWidth] = weight.shape as [number, number, number, number];
  const { lanes, parts } = blockVectors(target);
  const taps = kernelHeight * kernelWidth;
  const sizes = sizesOf(outputShape, [kernelHeight, kernelWidth], plan);
  const problem = depthwiseRows(`depthwiseConv2d c${blocks * channelBlock} ${sizes}`, target, taps, width);
  const { columns, resident } = target.schedules(problem);
  const tapPlaces =
    taps > mostWrittenOut
      ? []
      : Array.from({ length: taps }, (_, t) => [Math.floor(t / kernelWidth), t % kernelWidth] as const);
  const [, , rowStride, columnStride] = input.strides as [number, number, number, number, number];

  k.for(0, batch, 1, (n) =>
    k.for(0, blocks, 1, (block) => {
      for (let part = 0; part < parts; part++) {
        const lane: LaneIndex = { base: constant("i64", part * lanes), step: 1 };
        const first = addressOf(weight, [fixed(block), fixed(0), fixed(0), lane]).base;
        const tapWeight = (t: Expression | number) =>
          k.let(load(weight.buffer, add(first, mul(t, channelBlock)), lanes));
        const weights = resident === 1 ? tapPlaces.map((_, t) => tapWeight(t)) : undefined;
        k.for(0, height, 1, (y) =>
          tiled(k, width, columns, (x, count) => {
            const sums = Array.from({ length: count }, () => k.variable(constant("f32", 0, lanes)));
            const [row, column] = [mul(y, stride[0]), mul(x, stride[1])];
            const from = k.let(addressOf(input, [fixed(n), fixed(block), fixed(row), fixed(column), lane]).base);
            const tap = (window: Expression | number, w: Expression) =>
              sums.forEach((sum, c) => {
                const at = add(from, add(window, c * stride[1] * columnStride));
                sum.set(fma(load(input.buffer, at, lanes), w, sum.get()));
              });
            const [down, right] = [dilation[0] * rowStride, dilation[1] * columnStride];
            if (taps <= mostWrittenOut)
              tapPlaces.forEach(([ky, kx], t) => {
                tap(ky * down + kx * right, weights?.[t] ?? tapWeight(t));
              });
            else
              k.for(0, kernelHeight, 1, (ky) =>
                k.for(0, kernelWidth, 1, (kx) => {
                  tap(add(mul(ky, down), mul(kx, right)), tapWeight(add(mul(ky, kernelWidth), kx)));
                }),
              );
            sums.forEach((sum, c) => {
              write(k, destination, [fixed(n), fixed(block), fixed(y), fixed(add(x, c)), lane], sum, epilogue);
            });
          }),
        );
      }
    }),
  );
  return k.finish(name);
}
