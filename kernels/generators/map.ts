// Writes a source, element by element, into a part of a buffer: the kernel behind every pointwise chain, copy, pad and concat.

import { bytesOf } from "../dtype.ts";
import { KernelBuilder } from "../loop/build.ts";
import type { Buffer, Expression, Kernel } from "../loop/ir.ts";
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

/**
 * Lanes for the innermost dimension of a loop over outputs: what the target's registers hold of the widest of the
 * scalars involved, at least two.
 */
export const lanesFor = (target: Target, scalar: Source["scalar"], size: number): number => {
  const lanes = Math.max(2, target.vectorBytes / Math.max(4, bytesOf(scalar)));
  return size >= lanes ? lanes : 1;
};

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
 * Plan: elements are independent. Schedule: vectors along the innermost dimension, then a scalar tail.
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
    const lanes = shape.length === 0 ? 1 : lanesFor(target, source.scalar, inner);
    const write = (at: readonly LaneIndex[], width: number) => {
      const { base, step } = addressOf(destination, at);
      store(k, destination.buffer, base, step, source.at(at, width));
    };
    forEachOuter(k, shape.slice(0, -1), (outer) => {
      if (shape.length === 0) {
        write([], 1);
        return;
      }
      const main = inner - (inner % lanes);
      const at = (base: Expression, step: number): LaneIndex[] => [...outer, { base, step }];
      if (lanes > 1 && main > 0) k.for(0, main, lanes, (i) => write(at(i, 1), lanes));
      const tail = lanes > 1 ? main : 0;
      if (tail < inner) k.for(tail, inner, 1, (i) => write(at(i, 0), 1));
    });
  }
  return k.finish(name);
}
