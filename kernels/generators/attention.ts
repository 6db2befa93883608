// Attention in tiles of rows: scores, softmax and values of a few queries at a time, without the whole matrix of scores.
import { exp } from "../functions/index.ts";
import {
  add,
  broadcast,
  constant,
  div,
  fma,
  index,
  KernelBuilder,
  le,
  load,
  lt,
  mul,
  ramp,
  select,
  sub,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { balanced, unrolled, vectorWidths } from "./contract.ts";
import { type Destination, forEachOuter, lanesFor } from "./map.ts";
import { alongInnermost, planLanes, reducers } from "./reduce.ts";
import { store } from "./store.ts";

/** What attention reads; all broadcast to the same batch dimensions. */
export interface AttentionSources {
  /** […,m,d] */
  readonly queries: Source;
  /** Turned, […,d,n]: neighbouring keys lie side by side. */
  readonly keys: Source;
  /** […,n,e] */
  readonly values: Source;
  /** Added to the scores, […,m,n]. */
  readonly mask?: Source;
}

export interface Attention {
  /** What scores are multiplied by. */
  readonly scale: number;
  /** Whether query i sees keys 0 to i only. */
  readonly causal: boolean;
}

/** Most queries of a tile: their sums of a few vectors fill the registers. */
const mostRows = 6;
const tileRows = (queries: number): number => balanced(queries, mostRows);
const lineLength = (keys: number): number => Math.ceil(keys / planLanes) * planLanes;

/** Elements that `attentionKernel` needs beside its result: scores and powers of a tile, and a sum for each row. */
export const attentionWork = (queries: number, keys: number): number => tileRows(queries) * (2 * lineLength(keys) + 1);

/**
 * destination[…,i,:] = Σ_j softmax_j(scale · q_i·k_j + mask_ij) v_j.
 *
 * Plan: a score is one chain of fused multiply-adds over d from +0, times the scale, plus the mask; after key i, −∞ where causal.
 * Their powers e^(score − largest) are summed in the sixteen chains of `reduceKernel`; an output is one chain of fused
 * multiply-adds over the keys from +0, divided by that sum. Schedule: tiles of at most six queries, vectors along keys and
 * then along e.
 */
export function attentionKernel(
  name: string,
  buffers: readonly Buffer[],
  { queries, keys, values, mask }: AttentionSources,
  { scale, causal }: Attention,
  work: Buffer,
  destination: Destination,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { scalar } = queries;
  const [count, depth] = queries.shape.slice(-2) as [number, number];
  const [keyCount, width] = values.shape.slice(-2) as [number, number];
  const rows = tileRows(count);
  const line = lineLength(keyCount);
  const scoreAt = (row: Expression | number, at: Expression | number) => add(mul(row, line), at);
  const powerAt = (row: Expression | number, at: Expression | number) => add(scoreAt(row, at), rows * line);
  const totalAt = (row: Expression | number) => add(row, 2 * rows * line);

  const tile = (outer: readonly LaneIndex[], first: Expression) => {
    const product = { k, target, scalar, rows };
    tileProduct(product, depth, keyCount, {
      left: (row, i) => queries.at([...outer, fixed(add(first, row)), fixed(i)], 1),
      right: (i, place, lanes) => keys.at([...outer, fixed(i), place], lanes),
      write(row, place, sum) {
        const { lanes } = sum.type;
        const at = [...outer, fixed(add(first, row)), place];
        const scaled = mul(sum, scale);
        const score = mask ? add(scaled, mask.at(at, lanes)) : scaled;
        const seen = causal
          ? select(le(ramp(place.base, 1, lanes), broadcast(add(first, row), lanes)), score, -Infinity)
          : score;
        k.store(work, scoreAt(row, place.base), seen);
      },
    });
    k.for(0, rows, 1, (row) => {
      const reduce = (
        identity: number,
        step: (sum: Expression, at: Expression, lanes: number) => Expression,
        merge: (a: Expression, b: Expression) => Expression,
      ) => {
        const accumulation = {
          scalar,
          identity,
          step: (sum: Expression, [at]: readonly LaneIndex[], lanes: number) => step(sum, at!.base, lanes),
          merge,
        };
        return alongInnermost(k, keyCount, [keyCount], accumulation, target, [(reduced) => reduced])[0]!;
      };
      const { combine } = reducers.max;
      const largest = reduce(
        -Infinity,
        (most, at, lanes) => combine(most, load(work, scoreAt(row, at), lanes)),
        combine,
      );
      const total = reduce(
        0,
        (sum, at, lanes) => {
          const power = k.let(exp(k.let(sub(load(work, scoreAt(row, at), lanes), broadcast(largest, lanes)))));
          k.store(work, powerAt(row, at), power);
          return add(sum, power);
        },
        (a, b) => add(a, b),
      );
      k.store(work, totalAt(row), total);
    });
    tileProduct(product, keyCount, width, {
      left: (row, j) => load(work, powerAt(row, j)),
      right: (j, place, lanes) => values.at([...outer, fixed(j), place], lanes),
      write(row, place, sum) {
        const { base, step } = addressOf(destination, [...outer, fixed(add(first, row)), place]);
        store(k, destination.buffer, base, step, div(sum, broadcast(load(work, totalAt(row)), sum.type.lanes)));
      },
    });
  };
  forEachOuter(k, queries.shape.slice(0, -2), (outer) => {
    if (count === rows) tile(outer, index(0));
    // The last tile reaches back over rows of the one before, which are computed and written again, to the same bits.
    else {
      k.for(0, Math.ceil(count / rows), 1, (i) => {
        const wanted = mul(i, rows);
        tile(outer, k.let(select(lt(wanted, count - rows), wanted, index(count - rows))));
      });
    }
  });
  return k.finish(name);
}

interface Tile {
  readonly k: KernelBuilder;
  readonly target: Target;
  readonly scalar: Scalar;
  readonly rows: number;
}

/** The factors of a product and what becomes of its elements. */
interface TileProduct {
  left(row: number, i: Expression): Expression;
  right(i: Expression, place: LaneIndex, lanes: number): Expression;
  write(row: number, place: LaneIndex, sum: Expression): void;
}

/** A few rows times a matrix: one chain per element, in registers for as many columns as they hold. */
function tileProduct(
  { k, target, scalar, rows }: Tile,
  depth: number,
  columns: number,
  { left, right, write }: TileProduct,
): void {
  const lanes = lanesFor(target, scalar);
  const panel = (from: Expression | number, widths: readonly number[]) => {
    const places = widths.map((each, v): LaneIndex => {
      const base = add(
        from,
        widths.slice(0, v).reduce((sum, other) => sum + other, 0),
      );
      return { base: index(base), step: each === 1 ? 0 : 1 };
    });
    const sums = Array.from({ length: rows }, () => widths.map((each) => k.variable(constant(scalar, 0, each))));
    unrolled(k, 0, depth, 4, (i) => {
      const factors = places.map((place, v) => k.let(right(i, place, widths[v]!)));
      sums.forEach((line, row) => {
        const factor = k.let(left(row, i));
        line.forEach((sum, v) => {
          sum.set(fma(broadcast(factor, widths[v]!), factors[v]!, sum.get()));
        });
      });
    });
    sums.forEach((line, row) => {
      line.forEach((sum, v) => {
        write(row, places[v]!, k.let(sum.get()));
      });
    });
  };
  if (columns < lanes) {
    panel(0, vectorWidths(columns, lanes));
    return;
  }
  const most = Math.max(1, Math.min(8, Math.floor((target.vectorRegisters - 2) / (rows + 1))));
  const vectors = Math.min(most, Math.floor(columns / lanes));
  const main = columns - (columns % (vectors * lanes));
  const full = (length: number) => new Array<number>(length).fill(lanes);
  if (main === vectors * lanes) panel(0, full(vectors));
  else k.for(0, main, vectors * lanes, (from) => panel(from, full(vectors)));
  const rest = Math.ceil((columns - main) / lanes);
  // The last vectors reach back over columns that are done, and write them again, to the same bits.
  if (rest > 0) panel(columns - rest * lanes, full(rest));
}
