// Attention in tiles of rows: scores, softmax and values of a few queries at a time, without the whole matrix of scores.
import { expNonPositive } from "../functions/index.ts";
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
  shuffle,
  sub,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import { balanced, type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { type Epilogue, unrolled, vectorWidths } from "./contract.ts";
import { type Destination, forEachOuter, lanesFor } from "./map.ts";
import { alongInnermost, mergedLanes, planLanes } from "./reduce.ts";
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

/** The sizes that matter to a schedule. */
export interface AttentionSizes {
  readonly queries: number;
  readonly keys: number;
  /** Elements of a query, and of a value. */
  readonly depth: number;
  readonly width: number;
}

/** Queries of a tile: their sums of a few vectors fill the registers. */
type AttentionTile = { readonly rows: number };

function attentionTiles({ queries, keys, depth, width }: AttentionSizes): Problem<AttentionTile> {
  const others = [2, 3, 4, 5, 6, 7, 8].filter((rows) => rows <= queries).map((rows) => ({ rows }));
  return problemOf(`attention q${queries} k${keys} d${depth} e${width}`, { rows: balanced(queries, 6) }, others);
}

const lineLength = (keys: number): number => Math.ceil(keys / planLanes) * planLanes;

/** The larger of two, or any of them where one is NaN: the sum of a row's powers is NaN all the same. */
const larger = (a: Expression, b: Expression): Expression => select(lt(a, b), b, a);

/** Elements that `attentionKernel` needs beside its result: scores of a tile, which become powers, and a sum for each row. */
export const attentionWork = (sizes: AttentionSizes, target: Target): number =>
  target.schedules(attentionTiles(sizes)).rows * (lineLength(sizes.keys) + 1);

/**
 * destination[…,i,:] = Σ_j softmax_j(scale · q_i·k_j + mask_ij) v_j.
 *
 * Plan: a score is one chain of fused multiply-adds over d from +0, times the scale, plus the mask; after key i, −∞ where causal.
 * Their powers e^(score − largest) are summed in the sixteen chains of `reduceKernel`; an output is one chain of fused
 * multiply-adds over the keys from +0, divided by that sum. Schedule: tiles of a few queries, vectors along keys and then
 * along e.
 */
export function attentionKernel(
  name: string,
  buffers: readonly Buffer[],
  { queries, keys, values, mask }: AttentionSources,
  { scale, causal }: Attention,
  work: Buffer,
  destination: Destination,
  epilogue: Epilogue,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { scalar } = queries;
  const [count, depth] = queries.shape.slice(-2) as [number, number];
  const [keyCount, width] = values.shape.slice(-2) as [number, number];
  const { rows } = target.schedules(attentionTiles({ queries: count, keys: keyCount, depth, width }));
  const line = lineLength(keyCount);
  const scoreAt = (row: Expression | number, at: Expression | number) => add(mul(row, line), at);
  const totalAt = (row: Expression | number) => add(row, rows * line);

  /** A line's end beyond the last key: scores of −∞, whose powers are 0 and change no sum. */
  const fillEnds = (rows: number) => {
    const lanes = Math.min(planLanes, lanesFor(target, scalar));
    for (let row = 0; row < rows; row++) {
      for (let at = line - planLanes; at < line; at += lanes)
        k.store(work, scoreAt(row, at), constant(scalar, -Infinity, lanes));
    }
  };
  /** The scores of all rows become powers, where they stand, and their sums. */
  const raise = (rows: number) => {
    const lines = Array.from({ length: rows }, (_, row) => row);
    const lanes = Math.min(planLanes, lanesFor(target, scalar));
    const scoreIn = (row: Expression | number, at: Expression, count: number) => load(work, scoreAt(row, at), count);
    const largest = alongInnermost(
      k,
      line,
      [line],
      {
        scalar,
        identity: -Infinity,
        rounds: false,
        step: (most, [row, at], count) => larger(most, scoreIn(row!.base, at!.base, count)),
        merge: larger,
      },
      target,
      lines.map((row) => (reduced) => [fixed(row), ...reduced]),
    );
    const parts = Array.from({ length: planLanes / lanes }, (_, part) => part);
    const sums = lines.map(() => parts.map(() => k.variable(constant(scalar, 0, lanes))));
    k.for(0, line, planLanes, (from) => {
      for (const part of parts) {
        const at = add(from, part * lanes);
        const below = lines.map((row) => k.let(sub(scoreIn(row, at, lanes), broadcast(largest[row]!, lanes))));
        inPairs(k, below, expNonPositive).forEach((power, row) => {
          k.store(work, scoreAt(row, at), power);
          const sum = sums[row]![part]!;
          sum.set(add(sum.get(), power));
        });
      }
    });
    sums.forEach((chains, row) => {
      const total = mergedLanes(
        k,
        chains.map((each) => k.let(each.get())),
        (a, b) => add(a, b),
      );
      k.store(work, totalAt(row), total);
    });
  };
  const tile = (outer: readonly LaneIndex[], first: Expression, rows: number) => {
    const product = { k, target, scalar, rows };
    if (line > keyCount) fillEnds(rows);
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
    raise(rows);
    tileProduct(product, keyCount, width, {
      left: (row, j) => load(work, scoreAt(row, j)),
      right: (j, place, lanes) => values.at([...outer, fixed(j), place], lanes),
      write(row, place, sum) {
        const at = [...outer, fixed(add(first, row)), place];
        const { base, step } = addressOf(destination, at);
        const value = div(sum, broadcast(load(work, totalAt(row)), sum.type.lanes));
        store(k, destination.buffer, base, step, epilogue(value, at));
      },
    });
  };
  forEachOuter(k, queries.shape.slice(0, -2), (outer) => {
    // No two tiles have a row in common, so that threads may share those of one head; the last one is lower.
    const main = count - (count % rows);
    k.for(0, main, rows, (first) => tile(outer, first, rows));
    if (main < count) k.for(main, count, rows, (first) => tile(outer, first, count - main));
  });
  return k.finish(name);
}

/** Applies a function to vectors two by two, as one: their instructions alternate, and neither waits for itself alone. */
function inPairs(
  k: KernelBuilder,
  vectors: readonly Expression[],
  apply: (both: Expression) => Expression,
): Expression[] {
  return vectors.flatMap((first, at) => {
    const second = vectors[at + 1];
    if (at % 2 === 1) return [];
    if (!second) return [k.let(apply(first))];
    const { lanes } = first.type;
    const lane = (from: number, count: number) => Array.from({ length: count }, (_, each) => from + each);
    const both = k.let(apply(k.let(shuffle(first, lane(0, 2 * lanes), second))));
    return [k.let(shuffle(both, lane(0, lanes))), k.let(shuffle(both, lane(lanes, lanes)))];
  });
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
  const panel = (from: readonly (Expression | number)[], widths: readonly number[]) => {
    const places = widths.map((each, v): LaneIndex => ({ base: index(from[v]!), step: each === 1 ? 0 : 1 }));
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
    const widths = vectorWidths(columns, lanes);
    panel(
      widths.map((_, v) => widths.slice(0, v).reduce((sum, each) => sum + each, 0)),
      widths,
    );
    return;
  }
  const most = Math.max(1, Math.min(8, Math.floor((target.machine.vectorRegisters - 2) / (rows + 1))));
  // Vectors are shared out evenly: a panel of one alone would wait for its own additions.
  const vectors = Math.ceil(columns / lanes);
  const panels = Math.ceil(vectors / most);
  const narrow = Math.floor(vectors / panels);
  const wide = vectors - narrow * panels;
  // What reaches beyond the last column reaches back over columns that are done, and writes them again, to the same bits.
  const some = (count: number, start: number, length: number) => {
    const widths = new Array<number>(length).fill(lanes);
    const offsets = widths.map((_, v) => v * lanes);
    if (count === 1) {
      panel(
        offsets.map((offset) => Math.min(start + offset, columns - lanes)),
        widths,
      );
    } else if (count > 1) {
      const last = columns - length * lanes;
      k.for(0, count, 1, (i) => {
        const wanted = add(mul(i, length * lanes), start);
        const from = k.let(select(lt(wanted, last), wanted, index(last)));
        panel(
          offsets.map((offset) => add(from, offset)),
          widths,
        );
      });
    }
  };
  some(wide, 0, narrow + 1);
  some(panels - wide, wide * (narrow + 1) * lanes, narrow);
}
