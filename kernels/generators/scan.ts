// Running sums, products and extremes along one dimension.
import { add, constant, convert, KernelBuilder, sub } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, type Source } from "./access.ts";
import { alongVectors, type Destination, forEachOuter, lanesFor } from "./map.ts";
import { type ReducerName, reducers } from "./reduce.ts";
import { store } from "./store.ts";

/** Which elements a running result holds. */
export interface Scan {
  readonly axis: number;
  /** Leaves the element itself out. */
  readonly exclusive: boolean;
  /** Counts from the end. */
  readonly reverse: boolean;
}

/** What runs: the reduction of the elements so far. */
export type ScanName = Exclude<ReducerName, "any" | "all">;

/** Rows that run side by side where the results go along the innermost dimension: one alone waits for its own additions. */
const rowsAtOnce = 4;

/**
 * destination[…,i,…] = source[…,j,…] reduced over j ≤ i along `axis`; j < i where exclusive, from the end where reversed.
 *
 * Plan: from what changes nothing (+0, 1, the least, the greatest), one chain along the axis, in the order in which results appear;
 * sums and products of f32 run in f64, and each result is rounded once. Schedule: vectors along the innermost dimension, or rows
 * side by side where that is the axis.
 */
export function scanKernel(
  name: string,
  buffers: readonly Buffer[],
  source: Source,
  reducer: ScanName,
  { axis, exclusive, reverse }: Scan,
  destination: Destination,
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  const { shape, scalar: given } = source;
  const { identity, combine } = reducers[reducer];
  const scalar = given === "f32" && (reducer === "sum" || reducer === "prod") ? "f64" : given;
  const length = shape[axis]!;
  const last = shape.length - 1;
  if (shape.includes(0)) return k.finish(name);
  const chains = (lines: readonly ((along: LaneIndex) => readonly LaneIndex[])[], lanes: number) => {
    const sums = lines.map(() => k.variable(constant(scalar, identity(scalar), lanes)));
    k.for(0, length, 1, (i) => {
      const along = fixed(reverse ? sub(length - 1, i) : i);
      lines.forEach((line, at) => {
        const index = line(along);
        const sum = sums[at]!;
        const write = () => {
          const { base, step } = addressOf(destination, index);
          store(k, destination.buffer, base, step, convert(sum.get(), given));
        };
        const value = k.let(convert(source.at(index, lanes), scalar));
        if (exclusive) write();
        sum.set(combine(sum.get(), value));
        if (!exclusive) write();
      });
    });
  };
  if (axis !== last) {
    const outerShape = shape.filter((_, d) => d !== axis && d !== last);
    forEachOuter(k, outerShape, (outer) =>
      alongVectors(k, shape[last]!, lanesFor(target, scalar), (place, width) => {
        chains([(along) => [...outer.slice(0, axis), along, ...outer.slice(axis), place]], width);
      }),
    );
    return k.finish(name);
  }
  const rows = shape[last - 1] ?? 1;
  const line = (outer: readonly LaneIndex[]) => (along: LaneIndex) => [...outer, along];
  if (rows < rowsAtOnce) forEachOuter(k, shape.slice(0, -1), (outer) => chains([line(outer)], 1));
  else {
    forEachOuter(k, shape.slice(0, -2), (outer) => {
      const some = (from: Expression | number) =>
        chains(
          Array.from({ length: rowsAtOnce }, (_, row) => line([...outer, fixed(add(from, row))])),
          1,
        );
      const main = rows - (rows % rowsAtOnce);
      k.for(0, main, rowsAtOnce, some);
      if (main < rows) some(rows - rowsAtOnce);
    });
  }
  return k.finish(name);
}
