// Attention: scores, softmax and values of some rows at a time, so that no score leaves the cache.

import { exp } from "../functions/index.ts";
import { add, broadcast, constant, div, fma, index, KernelBuilder, load, mul, sub } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, view } from "./access.ts";
import { type Epilogue, unrolled } from "./contract.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { alongInnermost, reducers, reducing } from "./reduce.ts";
import { store } from "./store.ts";

const rowsOfSoftmax = 4;

/** Rows of a tile and vectors beside them. */
function attentionTile({ vectorBytes, vectorRegisters }: Target): { rows: number; vectors: number } {
  const vectors = vectorBytes === 16 ? 4 : 2;
  const most = Math.floor((vectorRegisters - vectors - 1) / vectors);
  return { rows: most - (most % rowsOfSoftmax), vectors };
}

/** Elements of work memory that `attentionKernel` needs for scores of `columns`; enough for every target. */
export const attentionWork = (columns: number): number => 2 * 12 * rowStride(columns) + 16;

/** Rows start at cache lines, and not at a power of two. */
const rowStride = (columns: number): number => (Math.ceil(columns / 16) | 1) * 16;

/**
 * Y = softmax(scale·Q·K)·V for q[…,m,d], k[…,d,n], v[…,n,e] of equal batch dimensions; f32.
 *
 * Plan: a score is one chain of fused multiply-adds over d, ascending, from +0, times `scale`, rounded. Of each row: the
 * maximum; e^(score − maximum); their sum by the sixteen chains of `reduceKernel`; then per output one chain over n,
 * ascending, from +0, of powers times values; divided by the sum. Schedule: some rows at a time through `work`.
 */
export function attentionKernel(
  name: string,
  buffers: readonly Buffer[],
  [q, key, value]: readonly [Source, Source, Source],
  work: Buffer,
  scale: number,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const batch = q.shape.slice(0, -2);
  const [rows, depth] = q.shape.slice(-2) as [number, number];
  const [columns, outputs] = value.shape.slice(-2) as [number, number];
  const lanes = lanesFor(target, "f32");
  const tile = attentionTile(target);
  const stride = rowStride(columns);
  const scores = view(work, [tile.rows, columns], [stride, 1]);
  const powers = view(work, [tile.rows, columns], [stride, 1], tile.rows * stride);
  const sums = 2 * tile.rows * stride;

  /** Products of `count` rows with columns of another matrix, some vectors of them at a time. */
  const products = (
    count: number,
    size: number,
    length: number,
    left: (row: number, i: Expression) => Expression,
    right: (i: Expression, at: LaneIndex, width: number) => Expression,
    done: (row: number, at: LaneIndex, sum: Expression) => void,
  ) => {
    const panel = (places: readonly LaneIndex[], width: number) => {
      const chains = Array.from({ length: count }, () => places.map(() => k.variable(constant("f32", 0, width))));
      unrolled(k, 0, length, 4, (i) => {
        const vectors = places.map((at) => k.let(right(i, at, width)));
        chains.forEach((line, row) => {
          const each = k.let(broadcast(left(row, i), width));
          line.forEach((sum, v) => {
            sum.set(fma(each, vectors[v]!, sum.get()));
          });
        });
      });
      chains.forEach((line, row) => {
        line.forEach((sum, v) => {
          done(row, places[v]!, k.let(sum.get()));
        });
      });
    };
    const wide = tile.vectors * lanes;
    const main = size - (size % wide);
    const places = (from: Expression | number) =>
      Array.from({ length: tile.vectors }, (_, v): LaneIndex => ({ base: add(from, v * lanes), step: 1 }));
    if (main > 0) k.for(0, main, wide, (from) => panel(places(from), lanes));
    if (main === size) return;
    const from = size - main >= lanes || main === 0 ? main : size - lanes;
    alongVectors(k, size - from, lanes, (at, width) => panel([{ ...at, base: add(at.base, from) }], width));
  };

  const softmax = (from: Expression | number, count: number) => {
    const places = Array.from({ length: count }, (_, row) => fixed(add(from, row)));
    const along = (source: Source, reducer: (typeof reducers)["max" | "sum"]) =>
      alongInnermost(
        k,
        columns,
        [columns],
        reducing(source, reducer),
        target,
        places.map((row) => (reduced) => [row, ...reduced]),
      );
    const most = along(scores, reducers.max);
    alongVectors(k, columns, lanes, (at, width) => {
      places.forEach((row, r) => {
        const power = exp(sub(scores.at([row, at], width), broadcast(most[r]!, width)));
        k.store(work, addressOf(powers, [row, at]).base, power);
      });
    });
    along(powers, reducers.sum).forEach((sum, r) => {
      k.store(work, add(places[r]!.base, sums), sum);
    });
  };

  forEachOuter(k, batch, (outer) => {
    const some = (first: Expression | number, count: number) => {
      const at = (row: number) => fixed(add(first, row));
      products(
        count,
        columns,
        depth,
        (row, i) => q.at([...outer, at(row), fixed(i)], 1),
        (i, column, width) => key.at([...outer, fixed(i), column], width),
        (row, column, sum) => k.store(work, addressOf(scores, [fixed(row), column]).base, mul(sum, scale)),
      );
      const main = count - (count % rowsOfSoftmax);
      if (main > 0) k.for(0, main, rowsOfSoftmax, (row) => softmax(row, rowsOfSoftmax));
      for (let row = main; row < count; row++) softmax(row, 1);
      products(
        count,
        outputs,
        columns,
        (row, i) => powers.at([fixed(row), fixed(i)], 1),
        (i, column, width) => value.at([...outer, fixed(i), column], width),
        (row, column, sum) => {
          const place = [...outer, at(row), column];
          const total = broadcast(load(work, index(sums + row)), sum.type.lanes);
          const { base, step } = addressOf(destination, place);
          store(k, destination.buffer, base, step, epilogue(k.let(div(sum, total)), place));
        },
      );
    };
    const main = rows - (rows % tile.rows);
    if (main > 0) k.for(0, main, tile.rows, (row) => some(row, tile.rows));
    if (main < rows) some(main, rows - main);
  });
  return k.finish(name);
}
