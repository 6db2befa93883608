// Reductions over some dimensions of a source, in an order that the shape alone decides.
import {
  add,
  and,
  broadcast,
  constant,
  extract,
  fma,
  gt,
  index,
  isFloat,
  KernelBuilder,
  load,
  lt,
  mul,
  ne,
  or,
  ramp,
  select,
  shuffle,
  sub,
  type Variable,
} from "../loop/build.ts";
import type { Buffer, Expression, Kernel, Scalar } from "../loop/ir.ts";
import { type Problem, problemOf } from "../schedules/index.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source, type View } from "./access.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { store } from "./store.ts";

/** How two partial results become one, and what changes nothing. */
export interface Reducer {
  identity(scalar: Scalar): number | bigint | boolean;
  combine(accumulator: Expression, value: Expression): Expression;
}

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

/** Steps after which a chain of rounded sums or products is put away and begun anew. */
const longestChain = 64;

/**
 * What one output element accumulates: `step` folds the elements at an index into the accumulator. A plain reduction
 * combines the source; a dot product multiplies and adds with one rounding.
 */
export interface Accumulation {
  readonly scalar: Scalar;
  readonly identity: number | bigint | boolean;
  /** Whether each step rounds, so that long chains are cut. */
  readonly rounds: boolean;
  /** What a plain reduction reads, where that is memory. */
  readonly view?: View;
  readonly end?: End;
  step(accumulator: Expression, at: readonly LaneIndex[], lanes: number): Expression;
  merge(a: Expression, b: Expression): Expression;
}

/** Where what is taken along a dimension of the source ends: from there on it is the identity, and changes nothing. */
export interface End {
  readonly axis: number;
  readonly at: Expression;
}

const isView = (source: Source): source is View => "buffer" in source;

/** The accumulation of a plain reduction. */
export const reducing = (source: Source, reducer: Reducer): Accumulation => ({
  scalar: source.scalar,
  identity: reducer.identity(source.scalar),
  rounds: isFloat(source.scalar) && (reducer === reducers.sum || reducer === reducers.prod),
  ...(isView(source) ? { view: source } : {}),
  step: (accumulator, at, lanes) => reducer.combine(accumulator, source.at(at, lanes)),
  merge: reducer.combine,
});

/** The accumulation Σ a·b by fused multiply-add, both sources of one shape. */
export const multiplying = (a: Source, b: Source): Accumulation => ({
  scalar: a.scalar,
  identity: 0,
  rounds: true,
  step: (accumulator, at, lanes) => fma(a.at(at, lanes), b.at(at, lanes), accumulator),
  merge: (x, y) => add(x, y),
});

/**
 * Chains per output where the innermost dimension, of `width` elements, is kept, and the innermost of those reduced has
 * `length`: more for longer ones, and so many for narrow rows that they fill vectors together.
 */
export const chainsAcross = (length: number, width: number): number => {
  if (width < planLanes) return length >= 2 * planLanes ? planLanes : 1;
  return length >= 8 ? 4 : 1;
};

/** The plan of a rounded sum or product over some dimensions of a shape, in words. */
export function reductionPlan(shape: readonly number[], axes: readonly number[]): string {
  const last = shape.length - 1;
  const chains = axes.includes(last) ? planLanes : chainsAcross(shape[Math.max(...axes)] ?? 1, shape[last] ?? 1);
  return `${chains === 1 ? "one chain" : `${chains} chains`}, cut after ${longestChain} steps`;
}

/**
 * Reduces `shape` over `axes`; `destination` has one stride per kept dimension.
 *
 * Plan: chains per output element, each over the reduced dimensions in row-major order. Where the innermost dimension is reduced,
 * of n elements, n' = n − n mod 16 go to 16 chains, chain l taking the indices ≡ l (mod 16); each of the n mod 16 last
 * indices has a chain of its own, merged into chain l. Where it is kept, chain l of C = {@link chainsAcross} takes the indices ≡ l
 * (mod C) of the innermost reduced dimension. Chains merge as a tree, l with l + C/2, l + C/4, …, 1.
 *
 * Sums and products of floats are cut after 64 steps, by {@link cutsOf}: a piece starts from the identity, and is a step of
 * the chain of pieces, which is cut the same way; an error so grows with the logarithm of the length. What is left over by
 * rounds of C or 16 comes behind the pieces of the innermost dimension.
 *
 * `finish` is applied to the result, with its index among the kept dimensions. Schedule: vectors along kept neighbours, or along
 * chains; several outputs side by side.
 */
export function reduceKernel(
  name: string,
  buffers: readonly Buffer[],
  shape: readonly number[],
  axes: readonly number[],
  given: Accumulation,
  destination: Destination,
  finish: (value: Expression, at: readonly LaneIndex[]) => Expression,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  // From here on, an axis counts among those that are reduced.
  const end = given.end && { axis: axes.indexOf(given.end.axis), at: k.let(given.end.at, "count") };
  const accumulation = end ? { ...given, end } : given;
  const rank = shape.length;
  const kept = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const spread = (outer: readonly LaneIndex[], reduced: readonly LaneIndex[]): LaneIndex[] =>
    shape.map((_, d) => (axes.includes(d) ? reduced[axes.indexOf(d)]! : outer[kept.indexOf(d)]!));
  const reducedShape = axes.map((d) => shape[d]!);
  const write = (at: readonly LaneIndex[], value: Expression) => {
    const { base, step } = addressOf(destination, at);
    store(k, destination.buffer, base, step, finish(value, at));
  };

  if (!axes.includes(rank - 1) && rank > 0) {
    const inner = shape[rank - 1]!;
    if (inner === 0) return k.finish(name);
    const outerShape = kept.slice(0, -1).map((d) => shape[d]!);
    const flat =
      chainsAcross(reducedShape.at(-1)!, inner) === planLanes &&
      axes.at(-1) === rank - 2 &&
      flatView(accumulation, inner);
    forEachOuter(k, outerShape, (outer) => {
      if (flat)
        acrossNarrow(k, inner, reducedShape, accumulation, flat, target, (reduced) =>
          spread([...outer, fixed(0)], reduced),
        ).forEach((value, column) => {
          write([...outer, fixed(column)], value);
        });
      else
        alongPanels(k, inner, lanesFor(target, accumulation.scalar), (places, width) => {
          const columns = places.map((place) => (reduced: readonly LaneIndex[]) => spread([...outer, place], reduced));
          acrossRows(k, inner, reducedShape, accumulation, width, columns).forEach((value, at) => {
            write([...outer, places[at]!], value);
          });
        });
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

/** What is read, where rows of `inner` elements follow each other without gaps. */
function flatView({ view }: Accumulation, inner: number): View | undefined {
  const strides = view?.strides.slice(-2);
  return strides && strides[0] === inner && (strides[1] === 1 || inner === 1) ? view : undefined;
}

/** Vectors of kept neighbours that are reduced side by side: rows are read in pieces of as many bytes. */
const panelVectors = 4;

/** Runs `body` for the vectors along a dimension, some at once; the last reaches back over the one before where it must. */
function alongPanels(
  k: KernelBuilder,
  size: number,
  lanes: number,
  body: (places: readonly LaneIndex[], width: number) => void,
): void {
  if (size < 2 * lanes) {
    alongVectors(k, size, lanes, (place, width) => body([place], width));
    return;
  }
  const place = (from: Expression | number): LaneIndex => ({ base: index(from), step: 1 });
  const panel = panelVectors * lanes;
  const main = size - (size % panel);
  if (main > 0)
    k.for(0, main, panel, (from) =>
      body(
        Array.from({ length: panelVectors }, (_, v) => place(add(from, v * lanes))),
        lanes,
      ),
    );
  const rest = Math.ceil((size - main) / lanes);
  if (rest > 0)
    body(
      Array.from({ length: rest }, (_, v) => place(Math.min(main + v * lanes, size - lanes))),
      lanes,
    );
}

/** Results of vectors of kept neighbours, chain after chain of rows. */
function acrossRows(
  k: KernelBuilder,
  inner: number,
  reducedShape: readonly number[],
  accumulation: Accumulation,
  width: number,
  columns: readonly ((reduced: readonly LaneIndex[]) => readonly LaneIndex[])[],
): Expression[] {
  const length = reducedShape.at(-1)!;
  const count = chainsAcross(length, inner);
  const identity = constant(accumulation.scalar, accumulation.identity, width);
  const take = (chains: readonly Variable[], outer: readonly LaneIndex[], from: Expression | number, most: number) => {
    for (let l = 0; l < most; l++)
      columns.forEach((column, v) => {
        const sum = chains[v * count + l]!;
        sum.set(accumulation.step(sum.get(), column([...outer, fixed(add(from, l))]), width));
      });
  };
  const chains = inPieces(
    k,
    reducedShape,
    count,
    accumulation,
    columns.map(() => identity).flatMap((each) => new Array<Expression>(count).fill(each)),
    {
      round: (sums, outer, from) => take(sums, outer, from, count),
      rest: (sums, outer, from) => take(sums, outer, from, length % count),
    },
  );
  return columns.map((_, v) => {
    let sums = chains.slice(v * count, (v + 1) * count).map((each) => each.get());
    while (sums.length > 1) {
      const half = sums.length / 2;
      sums = Array.from({ length: half }, (_, l) => k.let(accumulation.merge(sums[l]!, sums[l + half]!)));
    }
    return sums[0]!;
  });
}

/** Results of rows of fewer than sixteen neighbours without gaps: sixteen rows are so many whole vectors. */
function acrossNarrow(
  k: KernelBuilder,
  inner: number,
  reducedShape: readonly number[],
  { view: _, ...accumulation }: Accumulation,
  { buffer, offset, strides }: View,
  target: Target,
  at: (reduced: readonly LaneIndex[]) => readonly LaneIndex[],
): Expression[] {
  const length = reducedShape.at(-1)!;
  const width = Math.min(planLanes, lanesFor(target, accumulation.scalar));
  const identity = constant(accumulation.scalar, accumulation.identity, width);
  const vectors = (inner * planLanes) / width;
  const last = (length % planLanes) * inner;
  const { merge } = accumulation;
  const take = (sums: readonly Variable[], outer: readonly LaneIndex[], from: Expression | number, count: number) => {
    const { base } = addressOf({ offset, strides }, at([...outer, fixed(from)]));
    const first = k.let(base);
    for (let v = 0; v * width < count; v++) {
      const sum = sums[v]!;
      const place = add(first, v * width);
      if ((v + 1) * width <= count) sum.set(merge(sum.get(), load(buffer, place, width)));
      else {
        const present = lt(ramp(0, 1, width), count - v * width);
        sum.set(select(present, merge(sum.get(), load(buffer, place, width, present)), sum.get()));
      }
    }
  };
  const chains = inPieces(k, reducedShape, planLanes, accumulation, new Array<Expression>(vectors).fill(identity), {
    round: (sums, outer, from) => take(sums, outer, from, planLanes * inner),
    rest: (sums, outer, from) => take(sums, outer, from, last),
  });
  let elements = chains.flatMap((chain) => {
    const vector = k.let(chain.get());
    return Array.from({ length: width }, (_, lane) => k.let(extract(vector, lane)));
  });
  while (elements.length > inner) {
    const half = elements.length / 2;
    elements = Array.from({ length: half }, (_, e) => k.let(merge(elements[e]!, elements[e + half]!)));
  }
  return elements;
}

/** One of the loops over a reduced dimension. */
interface Cut {
  readonly dimension: number;
  /** Indices, or rounds of the innermost dimension, from one iteration to the next. */
  readonly step: number;
  /** Whether each iteration is a piece, which begins anew and is then merged. */
  readonly piece: boolean;
}

/**
 * The loops over reduced dimensions, outermost first, of `sizes` indices each, the last in rounds.
 *
 * From the innermost dimension on, dimensions join the piece inside them while it has at most 64 steps; of one that does not fit, as
 * many indices join as do, and the piece is a step of the next chain.
 */
export function cutsOf(sizes: readonly number[], longest = longestChain): readonly Cut[] {
  const cuts: Cut[] = [];
  let steps = 1;
  let piece = false;
  const around = (dimension: number, step: number): void => {
    cuts.unshift({ dimension, step, piece });
    piece = false;
  };
  for (let dimension = sizes.length - 1; dimension >= 0; dimension--) {
    let [step, left] = [1, Math.max(1, sizes[dimension]!)];
    while (steps * left > longest) {
      const fit = Math.floor(longest / steps);
      if (fit > 1) {
        around(dimension, step);
        step *= fit;
        left = Math.ceil(left / fit);
      }
      [steps, piece] = [1, true];
    }
    around(dimension, step);
    steps *= left;
  }
  return cuts;
}

/** What chains take: whole rounds of the innermost reduced dimension, and what is left of it. */
interface Rounds {
  round(sums: readonly Variable[], outer: readonly LaneIndex[], from: Expression | number): void;
  rest(sums: readonly Variable[], outer: readonly LaneIndex[], from: number): void;
  /** How many of the sums rounds add to; all unless given. */
  readonly taken?: number;
}

/** Runs rounds of so many indices over reduced dimensions, long chains of them in pieces; the chains, which begin as `initial`. */
function inPieces(
  k: KernelBuilder,
  reducedShape: readonly number[],
  indices: number,
  { rounds, merge, end }: Pick<Accumulation, "rounds" | "merge" | "end">,
  initial: readonly Expression[],
  { round, rest, taken = initial.length }: Rounds,
): readonly Variable[] {
  const last = reducedShape.length - 1;
  const whole = Math.floor(reducedShape[last]! / indices);
  const cuts = cutsOf([...reducedShape.slice(0, -1), whole], rounds ? longestChain : Number.POSITIVE_INFINITY);
  const begun = (count: number) => initial.slice(0, count).map((each) => k.variable(each));
  const along = (d: number, outer: readonly LaneIndex[], sums: readonly Variable[]): void => {
    const loops = cuts.filter(({ dimension }) => dimension === d);
    const unit = d === last ? indices : 1;
    const size = d === last ? whole : reducedShape[d]!;
    const renewed = d === last ? taken : initial.length;
    /** So many iterations' worth of the innermost loop, from an index on. */
    const run = (at: number, from: Expression | number, count: number, into: readonly Variable[]): void => {
      const loop = loops[at];
      if (!loop) {
        if (d === last) round(into, outer, from);
        else along(d + 1, [...outer, fixed(from)], into);
        return;
      }
      const each = (start: Expression | number, part: number) => {
        if (!loop.piece) {
          run(at + 1, start, part, into);
          return;
        }
        const own = begun(renewed);
        run(at + 1, start, part, [...own, ...into.slice(renewed)]);
        own.forEach((sum, s) => {
          into[s]!.set(merge(into[s]!.get(), sum.get()));
        });
      };
      const pieces = Math.floor(count / loop.step);
      const left = count % loop.step;
      const span = loop.step * unit;
      if (pieces === 1) each(from, loop.step);
      else if (pieces > 1) {
        const until = end?.axis === d ? sub(end.at, from) : undefined;
        k.for(0, pieces * span, span, (i) => each(add(from, i), loop.step), "i", until);
      }
      if (left > 0) each(add(from, pieces * span), left);
    };
    if (size > 0) run(0, 0, size, sums);
    if (d === last) rest(sums, outer, whole * indices);
  };
  const sums = begun(initial.length);
  along(0, [], sums);
  return sums;
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
  // A tail is read as the end of sixteen elements, of which the first ones go unused, where there are so many.
  const wide = main > 0 && tail > 0;
  const vectors = planLanes / width;
  const begins = (lanes: number) => constant(scalar, identity, lanes);
  const perTail = wide ? vectors : tail;
  const taken = outputs.length * vectors;
  const take = (
    sums: readonly Variable[],
    count: number,
    lanes: number,
    at: (part: number) => readonly LaneIndex[],
  ): void => {
    outputs.forEach((spread, o) => {
      for (let part = 0; part < count; part++) {
        const sum = sums[o * count + part]!;
        sum.set(step(sum.get(), spread(at(part)), lanes));
      }
    });
  };
  const neighbours = (outer: readonly LaneIndex[], from: Expression | number) => (part: number) => [
    ...outer,
    { base: index(add(from, part * width)), step: 1 },
  ];
  const initial = [
    ...new Array<Expression>(taken).fill(begins(width)),
    ...new Array<Expression>(outputs.length * perTail).fill(begins(wide ? width : 1)),
  ];
  const chains = inPieces(k, reducedShape, planLanes, accumulation, initial, {
    taken,
    round: (sums, outer, from) => take(sums, vectors, width, neighbours(outer, from)),
    rest(sums, outer) {
      const tails = sums.slice(taken);
      if (wide) take(tails, vectors, width, neighbours(outer, inner - planLanes));
      else take(tails, tail, 1, (lane) => [...outer, fixed(main + lane)]);
    },
  });
  return outputs.map((_, o) => {
    const whole = chains.slice(o * vectors, (o + 1) * vectors).map((sum) => k.let(sum.get()));
    const ends = chains.slice(taken + o * perTail, taken + (o + 1) * perTail);
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
