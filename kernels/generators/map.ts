// Writes a source, element by element, into a part of a buffer: the kernel behind every pointwise chain, copy, pad and concat.

import { bytesOf } from "../dtype.ts";
import { add, constant, index, KernelBuilder, shuffle } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
import { operandsOf } from "../loop/walk.ts";
import type { Target } from "../targets.ts";
import { addressOf, fixed, type LaneIndex, rowMajor, type Source } from "./access.ts";
import { store } from "./store.ts";

/** Where a kernel writes: a strided part of a buffer. */
export interface Destination {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** One source and the place it is written to. */
export interface Assignment {
  readonly source: Source;
  readonly destination: Destination;
}

/** Lanes of a vector of outputs: what the target's registers hold of the widest of the scalars involved, at least two. */
export const lanesFor = (target: Target, scalar: Source["scalar"]): number =>
  Math.max(2, target.machine.vectorBytes / Math.max(4, bytesOf(scalar)));

/**
 * Runs `body` for vectors that together cover a dimension of outputs: full ones, or the largest power of two that fits. The
 * last one reaches back over outputs of the one before, which are computed and written again, to the same bits. Those from `until` on
 * may be left out.
 */
export function alongVectors(
  k: KernelBuilder,
  size: number,
  lanes: number,
  body: (from: LaneIndex, width: number) => void,
  until?: Expression,
): void {
  const width = Math.min(lanes, powerBelow(size));
  const place = (from: Expression | number) => body({ base: index(from), step: width === 1 ? 0 : 1 }, width);
  const main = size - (size % width);
  if (main === width) place(0);
  else k.for(0, main, width, place, "i", until);
  if (main < size) place(size - width);
}

/** The largest power of two that is not above `size`. */
export const powerBelow = (size: number): number => 2 ** Math.floor(Math.log2(size));

/** The whole of a buffer in row-major order. */
export const whole = (buffer: Buffer, shape: readonly number[]): Destination => ({
  buffer,
  offset: 0,
  strides: rowMajor(shape),
});

/** Runs `body` for every index of the outer dimensions, as nested loops. */
export function forEachOuter(
  k: KernelBuilder,
  shape: readonly number[],
  body: (outer: readonly LaneIndex[]) => void,
  outer: readonly LaneIndex[] = [],
): void {
  const size = shape[outer.length];
  if (size === undefined) body(outer);
  else if (size === 1) forEachOuter(k, shape, body, [...outer, fixed(0)]);
  else k.for(0, size, 1, (i) => forEachOuter(k, shape, body, [...outer, fixed(i)]));
}

/**
 * Copies or computes: destination[i] = source[i] for every index, once each.
 *
 * Plan: elements are independent. Schedule: vectors along the innermost dimension; where the source's neighbours lie along
 * another dimension, square tiles of both, turned in registers.
 */
export function mapKernel(
  name: string,
  buffers: readonly Buffer[],
  assignments: readonly Assignment[],
  target: Target,
): Kernel {
  const k = new KernelBuilder();
  k.buffers.push(...buffers);
  for (const { source, destination } of assignments) {
    const { shape } = source;
    const inner = shape.at(-1) ?? 1;
    const turn = turnOf(source, destination, target);
    if (turn) {
      mapTransposed(k, source, destination, turn);
      continue;
    }
    const write = (at: readonly LaneIndex[], width: number) => {
      const { base, step } = addressOf(destination, at);
      store(k, destination.buffer, base, step, source.at(at, width));
    };
    forEachOuter(k, shape.slice(0, -1), (outer) => {
      if (shape.length === 0) {
        write([], 1);
        return;
      }
      if (inner > 0)
        alongVectors(k, inner, lanesFor(target, source.scalar), (at, width) => write([...outer, at], width));
    });
  }
  return k.finish(name);
}

/** A source whose neighbouring elements lie along dimension `axis`, and the side of the tiles that are turned. */
interface Turn {
  readonly axis: number;
  readonly side: number;
}

/** Whether an expression loads from places that are not neighbours. */
function gathers(root: Expression): boolean {
  const seen = new Set<Expression>();
  const visit = (e: Expression): boolean => {
    if (seen.has(e)) return false;
    seen.add(e);
    return (e.kind === "load" && e.index.type.lanes > 1) || operandsOf(e).some(visit);
  };
  return visit(root);
}

/** How a source is best read for a destination contiguous in its last dimension, if not along that dimension. */
function turnOf(source: Source, destination: Destination, target: Target): Turn | undefined {
  const { shape } = source;
  const last = shape.length - 1;
  if (last < 1 || destination.strides[last] !== 1 || shape.some((size) => size === 0)) return undefined;
  const along = (axis: number) =>
    source.at(
      shape.map((_, d) => ({ base: constant("i64", 0), step: d === axis ? 1 : 0 })),
      2,
    );
  if (shape[last]! < 4 || !gathers(along(last))) return undefined;
  const most = lanesFor(target, source.scalar);
  for (let axis = last - 1; axis >= 0; axis--) {
    if (shape[axis]! < 4 || gathers(along(axis))) continue;
    return { axis, side: Math.min(most, powerBelow(shape[axis]!), powerBelow(shape[last]!)) };
  }
  return undefined;
}

function mapTransposed(k: KernelBuilder, source: Source, destination: Destination, { axis, side }: Turn): void {
  const { shape } = source;
  const last = shape.length - 1;
  const tile = (outer: readonly LaneIndex[], from: Expression | number, to: Expression | number) => {
    const at = (d: number, index: LaneIndex, other: LaneIndex): LaneIndex[] =>
      shape.map((_, e) => (e === d ? index : e === axis || e === last ? other : outer[e > axis ? e - 1 : e]!));
    const rows = Array.from({ length: side }, (_, r) =>
      k.let(source.at(at(axis, { base: index(from), step: 1 }, fixed(add(to, r))), side)),
    );
    transposedSquare(k, rows).forEach((row, r) => {
      const { base, step } = addressOf(destination, at(last, { base: index(to), step: 1 }, fixed(add(from, r))));
      store(k, destination.buffer, base, step, row);
    });
  };
  /** Tiles of a dimension; the last one reaches back into the one before, and writes the same again. */
  const tiles = (size: number, body: (from: Expression | number) => void) => {
    const main = size - (size % side);
    k.for(0, main, side, body);
    if (main < size) body(size - side);
  };
  forEachOuter(
    k,
    shape.filter((_, d) => d !== axis && d !== last),
    (outer) => tiles(shape[axis]!, (from) => tiles(shape[last]!, (to) => tile(outer, from, to))),
  );
}

/** The transpose of a square of vectors: rounds in which the upper half is interleaved with the lower. */
function transposedSquare(k: KernelBuilder, rows: readonly Expression[]): readonly Expression[] {
  const side = rows.length;
  const half = side / 2;
  const interleave = (from: number) =>
    Array.from({ length: side }, (_, lane) => from + Math.floor(lane / 2) + (lane % 2) * side);
  let current = rows;
  for (let round = 1; round < side; round *= 2) {
    current = current.flatMap((_, r): Expression[] => {
      if (r >= half) return [];
      const [upper, lower] = [current[r]!, current[r + half]!];
      return [k.let(shuffle(upper, interleave(0), lower)), k.let(shuffle(upper, interleave(half), lower))];
    });
  }
  return current;
}
