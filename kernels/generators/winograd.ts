// Convolution 3×3 at stride 1 by Winograd's F(2×2) and F(4×4): fewer multiplications, a block of tiles at a time.
import { add, and, broadcast, constant, div, fma, KernelBuilder, load, lt, mul, select, sub } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { balanced, extentsOf, type Problem, problemOf } from "../schedules/index.ts";
import type { Caches, Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type View } from "./access.ts";
import { blockVectors, channelBlock, tiled } from "./blocked.ts";
import { type Epilogue, unrolled } from "./contract.ts";
import type { Destination } from "./map.ts";
import { store } from "./store.ts";

/** Output pixels of a tile along each side. */
export type WinogradTile = 2 | 4;

const { SQRT2, SQRT1_2 } = Math;

type Line = (d: readonly Expression[]) => Expression[];
/** Names a value so that it is computed once. */
type Name = (e: Expression) => Expression;

/** Bᵀ·d of a line of inputs, as the plan computes it. */
const inputLine = (tile: WinogradTile, name: Name): Line =>
  tile === 2
    ? (d) => [sub(d[0]!, d[2]!), add(d[1]!, d[2]!), sub(d[2]!, d[1]!), sub(d[1]!, d[3]!)]
    : (d) => {
        const a = name(fma(-2, d[2]!, d[4]!));
        const b = name(fma(-2, d[1]!, d[3]!));
        const c = name(fma(-0.5, d[2]!, d[4]!));
        const e = name(fma(-0.5, d[1]!, d[3]!));
        return [
          add(d[0]!, fma(-2.5, d[2]!, d[4]!)),
          fma(SQRT1_2, b, a),
          fma(-SQRT1_2, b, a),
          fma(SQRT2, e, c),
          fma(-SQRT2, e, c),
          add(d[1]!, fma(-2.5, d[3]!, d[5]!)),
        ];
      };

/** Aᵀ·m of a line of products, as the plan computes it. */
const outputLine = (tile: WinogradTile, name: Name): Line =>
  tile === 2
    ? (m) => [add(add(m[0]!, m[1]!), m[2]!), sub(sub(m[1]!, m[2]!), m[3]!)]
    : (m) => {
        const a = name(add(m[1]!, m[2]!));
        const b = name(sub(m[1]!, m[2]!));
        const c = name(add(m[3]!, m[4]!));
        const d = name(sub(m[3]!, m[4]!));
        return [
          add(add(m[0]!, a), c),
          fma(SQRT1_2, b, mul(d, SQRT2)),
          fma(2, c, mul(a, 0.5)),
          fma(SQRT1_2 / 2, b, fma(2 * SQRT2, d, m[5]!)),
        ];
      };

/** Transforms a square of lines: each of its rows, then each of its columns; row-major in and out. */
function transform(square: readonly Expression[], side: number, line: Line, name: Name): Expression[] {
  const rows = Array.from({ length: square.length / side }, (_, r) =>
    line(square.slice(r * side, (r + 1) * side)).map(name),
  );
  const columns = rows[0]!.map((_, c) => line(rows.map((row) => row[c]!)).map(name));
  return columns[0]!.flatMap((_, r) => columns.map((column) => column[r]!));
}

/**
 * Bytes that the transformed tiles of a block and their products may take: about what a core's own cache holds; more where
 * the weights do not stay in it either, and would be read again for every block.
 */
const blockBytes = (bytes: number, { weightBytes, tileBytes, farTileBytes }: Caches): number =>
  bytes > weightBytes ? farTileBytes : tileBytes;

/** What a kernel keeps beside its operands: the transformed tiles of a block, and the products of some channel blocks. */
export interface WinogradWork {
  readonly inputs: Buffer;
  readonly products: Buffer;
}

/**
 * Rows of tiles that are transformed at a time, blocks of output channels whose products are held meanwhile, and of
 * those products the blocks by tiles that are summed at once.
 */
type WinogradSchedule = {
  readonly rows: number;
  readonly held: number;
  readonly blocks: number;
  readonly tiles: number;
};

/** The schedules in question for a convolution. */
function winogradSchedules(
  tile: WinogradTile,
  channels: number,
  [, outBlocks, height, width]: readonly [number, number, number, number],
  target: Target,
): Problem<WinogradSchedule> {
  const { caches } = target.machine;
  const [tilesY, tilesX] = [Math.ceil(height / tile), Math.ceil(width / tile)];
  const { parts } = blockVectors(target);
  const points = (tile + 2) ** 2;
  const perRow = (held: number) => points * tilesX * (channels + held * channelBlock) * 4;
  const weightBytes = points * channels * outBlocks * channelBlock * 4;
  const most = (blocks: number) => Math.floor((target.machine.vectorRegisters - blocks * parts - 1) / (blocks * parts));
  const held = Math.min(2, outBlocks);
  const rows = balanced(tilesY, Math.max(1, Math.floor(blockBytes(weightBytes, caches) / perRow(held))));
  const blocks = parts === 1 ? held : 1;
  const others = [1, 2, 4]
    .filter((held) => held <= outBlocks)
    .flatMap((held) =>
      [1, 2, 4]
        .map((blocks) => Math.ceil(tilesY / blocks))
        .filter((rows) => rows * perRow(held) <= caches.mostTileBytes)
        .flatMap((rows) =>
          [1, 2]
            .filter((blocks) => blocks <= held && blocks * parts <= 2)
            .flatMap((blocks) =>
              extentsOf(rows * tilesX, most(blocks)).map((tiles) => ({ rows, held, blocks, tiles })),
            ),
        ),
    )
    // Fewer sums than half of what there is room for leave the multipliers waiting.
    .filter(({ rows, blocks, tiles }) => 2 * tiles >= Math.min(most(blocks), rows * tilesX));
  return problemOf(
    `winogradConv2d F${tile} c${channels} o${outBlocks * channelBlock} y${height}x${width}`,
    { rows, held, blocks, tiles: balanced(rows * tilesX, most(blocks)) },
    others,
  );
}

/** The schedule of a convolution, and what it makes of the two work areas: their elements, and the strides of points. */
export function winogradBlock(tile: WinogradTile, channels: number, outputShape: readonly number[], target: Target) {
  const shape = outputShape as readonly [number, number, number, number];
  const schedule = target.schedules(winogradSchedules(tile, channels, shape, target));
  const [tilesY, tilesX] = [Math.ceil(shape[2] / tile), Math.ceil(shape[3] / tile)];
  const points = (tile + 2) ** 2;
  const tiles = schedule.rows * tilesX;
  // One cache line more than a power of two, which would put all points of a tile into one set of the cache.
  const inputStride = tiles * channels + channelBlock;
  const productStride = tiles * channelBlock + channelBlock;
  return {
    schedule,
    tilesY,
    tilesX,
    inputStride,
    productStride,
    inputs: points * inputStride,
    products: points * schedule.held * productStride,
  };
}

/**
 * A 3×3 convolution at stride 1 over input [n,i,h,w,16] and transformed weight U [(m+2)²,o,16·i,16], m = `tile`.
 *
 * Plan: V = Bᵀ·d·B, each row of d first, then each column; per point, channel of output and tile one chain of fused
 * multiply-adds over input channels, ascending, from +0; Y = Aᵀ·M·A, rows first. The input reaches one pixel beyond the last
 * tile on each side. Schedule: a block of tiles is transformed into `work`; then some blocks of output channels at a time
 * are multiplied and transformed back.
 */
export function winogradKernel(
  name: string,
  buffers: readonly Buffer[],
  input: View,
  weight: View,
  work: WinogradWork,
  outputShape: readonly number[],
  tile: WinogradTile,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const [batch, outBlocks, height, width] = outputShape as [number, number, number, number];
  const inBlocks = input.shape[1]!;
  const channels = inBlocks * channelBlock;
  const side = tile + 2;
  const points = side * side;
  const { lanes, parts } = blockVectors(target);
  const { schedule, tilesY, tilesX, inputStride, productStride } = winogradBlock(tile, channels, outputShape, target);
  const naming: Name = (e) => k.let(e);
  const lane = (part: number): LaneIndex => ({ base: constant("i64", part * lanes), step: 1 });

  const transformInputs = (n: Expression, from: Expression | number, rows: number) => {
    k.for(0, inBlocks, 1, (ib) =>
      k.for(0, rows, 1, (r) =>
        k.for(0, tilesX, 1, (tx) => {
          const t = add(mul(r, tilesX), tx);
          for (let part = 0; part < parts; part++) {
            const [row, column] = [mul(add(from, r), tile), mul(tx, tile)];
            const first = k.let(addressOf(input, [fixed(n), fixed(ib), fixed(row), fixed(column), lane(part)]).base);
            const pixels = Array.from({ length: points }, (_, p) => {
              const offset = Math.floor(p / side) * input.strides[2]! + (p % side) * input.strides[3]!;
              return k.let(load(input.buffer, add(first, offset), lanes));
            });
            const to = k.let(add(add(mul(t, channels), mul(ib, channelBlock)), part * lanes));
            transform(pixels, side, inputLine(tile, naming), naming).forEach((value, p) => {
              k.store(work.inputs, add(to, p * inputStride), value);
            });
          }
        }),
      ),
    );
  };

  const multiply = (from: Expression | number, held: number, tiles: number) => {
    const blockStride = channels * channelBlock;
    const pointStride = outBlocks * blockStride;
    /** Times that a point's weights are read; while they are, the next ones come from where they are, a part each time. */
    const rounds = Math.log2(Math.min(channelBlock, 2 ** Math.floor(Math.log2(Math.ceil(tiles / schedule.tiles)))));
    k.for(0, points, 1, (p) => {
      // Behind the last point comes the first of the next output channels.
      const next = k.let(
        select(lt(p, points - 1), pointStride, schedule.held * blockStride - (points - 1) * pointStride),
      );
      tiled(k, held, schedule.blocks, (o, blocks) =>
        tiled(k, tiles, schedule.tiles, (t, extent) => {
          const round = k.let(and(div(t, schedule.tiles), 2 ** rounds - 1));
          const places = Array.from({ length: blocks * parts }, (_, v) => [Math.floor(v / parts), v % parts] as const);
          const sums = Array.from({ length: extent }, () => places.map(() => k.variable(constant("f32", 0, lanes))));
          const inputs = k.let(add(mul(p, inputStride), mul(t, channels)));
          const first = k.let(mul(add(mul(p, outBlocks), add(from, o)), blockStride));
          const soon = k.let(add(add(first, next), mul(round, (channels >> rounds) * channelBlock)));
          unrolled(k, 0, channels, 1, (i) => {
            const at = k.let(add(first, mul(i, channelBlock)));
            const weights = places.map(([block, part]) =>
              k.let(load(weight.buffer, add(at, weight.offset + block * blockStride + part * lanes), lanes)),
            );
            const line = k.let(add(soon, mul(i, channelBlock >> rounds)));
            for (let block = 0; block < blocks; block++)
              k.prefetch(weight.buffer, add(line, weight.offset + block * blockStride));
            const source = k.let(add(inputs, i));
            sums.forEach((line, tileAt) => {
              const value = k.let(broadcast(load(work.inputs, add(source, tileAt * channels)), lanes));
              line.forEach((sum, v) => {
                sum.set(fma(value, weights[v]!, sum.get()));
              });
            });
          });
          sums.forEach((line, tileAt) => {
            line.forEach((sum, v) => {
              const [block, part] = places[v]!;
              const plane = mul(add(mul(add(o, block), points), p), productStride);
              k.store(work.products, add(add(plane, mul(add(t, tileAt), channelBlock)), part * lanes), sum.get());
            });
          });
        }),
      );
    });
  };

  const transformOutputs = (
    n: Expression,
    firstBlock: Expression | number,
    held: number,
    from: Expression | number,
    rows: number,
  ) => {
    k.for(0, held, 1, (o) =>
      k.for(0, rows, 1, (r) =>
        k.for(0, tilesX, 1, (tx) => {
          const t = add(mul(r, tilesX), tx);
          const [y, x] = [k.let(mul(add(from, r), tile)), k.let(mul(tx, tile))];
          for (let part = 0; part < parts; part++) {
            const at = k.let(add(add(mul(mul(o, points), productStride), mul(t, channelBlock)), part * lanes));
            const square = Array.from({ length: points }, (_, p) =>
              k.let(load(work.products, add(at, p * productStride), lanes)),
            );
            transform(square, side, outputLine(tile, naming), naming).forEach((value, p) => {
              const [i, j] = [Math.floor(p / tile), p % tile];
              const put = () => {
                const index = [n, add(firstBlock, o), add(y, i), add(x, j)].map(fixed);
                const place = [...index, lane(part)];
                const { base, step } = addressOf(destination, place);
                store(k, destination.buffer, base, step, epilogue(value, place));
              };
              // Tiles may reach beyond the last row and column.
              const inRows = height % tile === 0 || i < height % tile ? put : () => k.if(lt(add(y, i), height), put);
              if (width % tile === 0 || j < width % tile) inRows();
              else k.if(lt(add(x, j), width), inRows);
            });
          }
        }),
      ),
    );
  };

  k.for(0, batch, 1, (n) =>
    tiled(k, tilesY, schedule.rows, (from, rows) => {
      transformInputs(n, from, rows);
      tiled(k, outBlocks, schedule.held, (o, held) => {
        multiply(o, held, rows * tilesX);
        transformOutputs(n, o, held, from, rows);
      });
    }),
  );
  return k.finish(name);
}
