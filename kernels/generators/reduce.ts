// Reductions over some dimensions of a source, in an order that the shape alone decides.
import {
  add,
  and,
  broadcast,
  constant,
  extract,
  fma,
  gt,
  KernelBuilder,
  lt,
  mul,
  ne,
  or,
  ramp,
  select,
  shuffle,
  type Variable,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import { type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { store } from "./store.ts";

/** How two partial results become one, and what changes nothing. */
export interface Reducer {
  identity(scalar: Scalar): number | bigint | boolean;
  combine(accumulator: Expression, value: Expression): Expression;
}

const isFloat = (scalar: Scalar): boolean => scalar === "f32" || scalar === "f64";
const lowest = (scalar: Scalar): number | bigint => {
  if (isFloat(scalar)) return -Infinity;
  if (scalar.startsWith("u")) return 0;
  return -(2n ** BigInt(Number(scalar.slice(1)) - 1));
};
const highest = (scalar: Scalar): number | bigint => {
  if (isFloat(scalar)) return Infinity;
  const bits = BigInt(Number(scalar.slice(1)));
  return scalar.startsWith("u") ? 2n ** bits - 1n : 2n ** (bits - 1n) - 1n;
};

/** max(a, b) written out: NaN wins, and of two zeros the first stays. */
export const maximum = (a: Expression, b: Expression): Expression => {
  const larger = select(lt(a, b), b, a);
  return isFloat(a.type.scalar) ? select(ne(b, b), b, larger) : larger;
};
/** min(a, b) written out: NaN wins, and of two zeros the first stays. */
export const minimum = (a: Expression, b: Expression): Expression => {
  const smaller = select(gt(a, b), b, a);
  return isFloat(a.type.scalar) ? select(ne(b, b), b, smaller) : smaller;
};

export const reducers = {
  sum: { identity: () => 0, combine: (a, v) => add(a, v) },
  prod: { identity: () => 1, combine: (a, v) => mul(a, v) },
  max: { identity: lowest, combine: maximum },
  min: { identity: highest, combine: minimum },
  any: { identity: () => false, combine: (a, v) => or(a, v) },
  all: { identity: () => true, combine: (a, v) => and(a, v) },
} as const satisfies { readonly [name: string]: Reducer };

export type ReducerName = keyof typeof reducers;

/** Lanes of the numeric plan along a reduced innermost dimension. */
export const planLanes = 16;

/**
 * What one output element accumulates: `step` folds the elements at an index into the accumulator. A plain reduction
 * combines the source; a dot product multiplies and adds with one rounding.
 */
export interface Accumulation {
  readonly scalar: Scalar;
  readonly identity: number | bigint | boolean;
  step(accumulator: Expression, at: readonly LaneIndex[], lanes: number): Expression;
  merge(a: Expression, b: Expression): Expression;
}

/** The accumulation of a plain reduction. */
export const reducing = (source: Source, reducer: Reducer): Accumulation => ({
  scalar: source.scalar,
  identity: reducer.identity(source.scalar),
  step: (accumulator, at, lanes) => reducer.combine(accumulator, source.at(at, lanes)),
  merge: reducer.combine,
});

/** The accumulation Σ a·b by fused multiply-add, both sources of one shape. */
export const multiplying = (a: Source, b: Source): Accumulation => ({
  scalar: a.scalar,
  identity: 0,
  step: (accumulator, at, lanes) => fma(a.at(at, lanes), b.at(at, lanes), accumulator),
  merge: (x, y) => add(x, y),
});

/**
 * Reduces `shape` over `axes`; `destination` has one stride per kept dimension.
 *
 * Plan: where the innermost dimension is kept, one chain per output element over the reduced dimensions in row-major
 * order. Where it is reduced, of n elements, n' = n − n mod 16 go to 16 chains per output element, chain l taking the indices
 * ≡ l (mod 16) in row-major order; each of the n mod 16 last indices has a chain of its own, merged into chain l; then the
 * chains merge as a tree, l with l+8, l+4, l+2, l+1. `finish` is applied to the result, with its index among
 * the kept dimensions.
 */
export function reduceKernel(
  name: string,
  buffers: readonly Buffer[],
  shape: readonly number[],
  axes: readonly number[],
  accumulation: Accumulation,
  destination: Destination,
  finish: (value: Expression, at: readonly LaneIndex[]) => Expression,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const rank = shape.length;
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const spread = (outer: readonly LaneIndex[], reduced: readonly LaneIndex[]): LaneIndex[] =>
    shape.map((_, d) => (axes.includes(d) ? reduced[axes.indexOf(d)]! : outer[kept.indexOf(d)]!));
  const identity = (lanes: number) => constant(accumulation.scalar, accumulation.identity, lanes);
  const reducedShape = axes.map((d) => shape[d]!);
  const write = (at: readonly LaneIndex[], value: Expression) => {
    const { base, step } = addressOf(destination, at);
    store(k, destination.buffer, base, step, finish(value, at));
  };

  if (!axes.includes(rank - 1) && rank > 0) {
    const inner = shape[rank - 1]!;
    const chain = (outer: readonly LaneIndex[], width: number) => {
      const accumulator = k.variable(identity(width));
      forEachOuter(k, reducedShape, (reduced) => {
        accumulator.set(accumulation.step(accumulator.get(), spread(outer, reduced), width));
      });
      write(outer, accumulator.get());
    };
    const outerShape = kept.slice(0, -1).map((d) => shape[d]!);
    forEachOuter(k, outerShape, (outer) => {
      if (inner > 0)
        alongVectors(k, inner, lanesFor(target, accumulation.scalar), (at, width) => chain([...outer, at], width));
    });
    return k.finish(name);
  }

  const inner = shape[rank - 1] ?? 1;
  const keptShape = kept.map((d) => shape[d]!);
  const results = (places: readonly (readonly LaneIndex[])[]) => {
    const indices = places.map((outer) => (reduced: readonly LaneIndex[]) => spread(outer, reduced));
    alongInnermost(k, inner, reducedShape, accumulation, target, indices).forEach((value, at) => {
      write(places[at]!, value);
    });
  };
  const count = keptShape.at(-1) ?? 1;
  const problem = `reduce ${accumulation.scalar} from ${accumulation.identity} ${shape.join("x")} over ${axes.join()}`;
  const { rows } = target.schedules(rowsAtOnce(problem, count));
  forEachRows(k, keptShape, rows, results);
  return k.finish(name);
}

/** How many outputs along their last dimension may be reduced side by side. */
const rowsAtOnce = (name: string, count: number): Problem<{ readonly rows: number }> =>
  problemOf(
    name,
    { rows: count < mostRows ? 1 : mostRows },
    [1, 2, 4, 8].filter((rows) => rows === 1 || rows <= count).map((rows) => ({ rows })),
  );

/** Rows that are reduced at once where nothing else has been measured. */
export const mostRows = 4;

/**
 * Runs `body` for the indices of a shape, some of its last dimension at once: a chain alone would wait for its own additions.
 * The last ones reach back over rows that are done, which are computed and written again, to the same bits.
 */
export function forEachRows(
  k: KernelBuilder,
  shape: readonly number[],
  atOnce: number,
  body: (rows: readonly (readonly LaneIndex[])[]) => void,
): void {
  if (atOnce === 1) {
    forEachOuter(k, shape, (outer) => body([outer]));
    return;
  }
  const count = shape.at(-1)!;
  forEachOuter(k, shape.slice(0, -1), (outer) => {
    const rows = (from: Expression | number) =>
      body(Array.from({ length: atOnce }, (_, row) => [...outer, fixed(add(from, row))]));
    const main = count - (count % atOnce);
    k.for(0, main, atOnce, rows);
    if (main < count) rows(count - atOnce);
  });
}

/** For each output, the sixteen chains along a reduced innermost dimension and those of its tail, merged. */
export function alongInnermost(
  k: KernelBuilder,
  inner: number,
  reducedShape: readonly number[],
  accumulation: Accumulation,
  target: Target,
  outputs: readonly ((reduced: readonly LaneIndex[]) => readonly LaneIndex[])[],
): Expression[] {
  const { scalar, identity, step, merge } = accumulation;
  const width = Math.min(planLanes, lanesFor(target, scalar));
  const tail = inner % planLanes;
  const main = inner - tail;
  const chains = (count: number, lanes: number): Variable[] =>
    Array.from({ length: count }, () => k.variable(constant(scalar, identity, lanes)));
  const parts = outputs.map(() => chains(planLanes / width, width));
  // A tail is read as the end of sixteen elements, of which the first ones go unused, where there are so many.
  const wide = main > 0 && tail > 0;
  const tails = outputs.map(() => (wide ? chains(planLanes / width, width) : chains(tail, 1)));
  forEachOuter(k, reducedShape.slice(0, -1), (outer) => {
    const take = (all: readonly (readonly Variable[])[], from: Expression | number) => {
      all.forEach((sums, o) => {
        sums.forEach((sum, p) => {
          sum.set(step(sum.get(), outputs[o]!([...outer, { base: add(from, p * width), step: 1 }]), width));
        });
      });
    };
    if (main > 0) k.for(0, main, planLanes, (i) => take(parts, i));
    if (wide) take(tails, inner - planLanes);
    else {
      tails.forEach((sums, o) => {
        sums.forEach((sum, lane) => {
          sum.set(step(sum.get(), outputs[o]!([...outer, fixed(main + lane)]), 1));
        });
      });
    }
  });
  return parts.map((sums, o) => {
    const whole = sums.map((sum) => k.let(sum.get()));
    const ends = tails[o]!;
    const merged = wide
      ? withTail(k, whole, ends, tail, merge)
      : whole.map((part, p) => withScalarTails(k, part, ends.slice(p * width, (p + 1) * width), merge));
    return mergedLanes(k, merged, merge);
  });
}

type Merge = Accumulation["merge"];

/** Chains merged with those of the tail, which are the last lanes of `tails`. */
function withTail(
  k: KernelBuilder,
  parts: readonly Expression[],
  tails: readonly Variable[],
  tail: number,
  merge: Merge,
): Expression[] {
  const width = parts[0]!.type.lanes;
  const ends = tails.map((each) => k.let(each.get()));
  return parts.map((part, p) => {
    const first = (p * width + planLanes - tail) % planLanes;
    const from = Math.floor(first / width);
    const lanes = Array.from({ length: width }, (_, lane) => (first % width) + lane);
    const turned = shuffle(ends[from]!, lanes, ends[(from + 1) % ends.length]!);
    const present = lt(ramp(0, 1, width), tail - p * width);
    return k.let(select(present, merge(part, k.let(turned)), part));
  });
}

/** One vector of chains merged with the tail's, one by one. */
function withScalarTails(k: KernelBuilder, part: Expression, tails: readonly Variable[], merge: Merge): Expression {
  return tails.reduce((vector, each, lane) => {
    const { lanes } = vector.type;
    const value = k.let(broadcast(merge(extract(vector, lane), each.get()), lanes));
    const order = Array.from({ length: lanes }, (_, at) => (at === lane ? lanes + at : at));
    return k.let(shuffle(vector, order, value));
  }, part);
}

/** Sixteen lanes as one: lane l with l+8, l+4, l+2, l+1. */
export function mergedLanes(k: KernelBuilder, parts: readonly Expression[], merge: Merge): Expression {
  let vectors = [...parts];
  while (vectors.length > 1) {
    const half = vectors.length / 2;
    vectors = Array.from({ length: half }, (_, p) => k.let(merge(vectors[p]!, vectors[p + half]!)));
  }
  let [vector] = vectors as [Expression];
  while (vector.type.lanes > 2) {
    const half = vector.type.lanes / 2;
    const lanes = Array.from({ length: half }, (_, lane) => lane);
    const upper = lanes.map((lane) => lane + half);
    vector = k.let(merge(k.let(shuffle(vector, lanes)), k.let(shuffle(vector, upper))));
  }
  return k.let(merge(extract(vector, 0), extract(vector, 1)));
}
