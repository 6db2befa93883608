// What the generators' tests compute for themselves: numeric plans in plain TypeScript, and kernels run under every schedule.
import { expect } from "vitest";
import { chainsAcross, cutsOf } from "../generators/reduce.ts";
import type { Buffer, Kernel, Scalar } from "../loop/ir.ts";
import { printKernel } from "../loop/print.ts";
import { verifyKernel } from "../loop/verify.ts";
import { usesDot } from "../loop/walk.ts";
import { drawnSchedules } from "../schedules/index.ts";
import { addsDotOnly, type Target, target, targetNames } from "../targets.ts";
import { runNative } from "../testing/native-kernel.ts";
import { expectChunks } from "./chunks.ts";

export type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array;

const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

/** a × b + c of float32 values, rounded once: in float64 the product is exact and the sum is rounded to odd first. */
export function fma32(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  const part = sum - product;
  const error = product - (sum - part) + (c - part);
  double[0] = sum;
  if (error !== 0 && (doubleBits[0]! & 1n) === 0n) doubleBits[0]! += error > 0 === sum > 0 ? 1n : -1n;
  return Math.fround(double[0]!);
}

const special = [0, -0, Infinity, -Infinity, NaN, 1e-45, -1e-40, 3.4e38, -1, 1];

/** `n` float32 values from a fixed sequence; every `every`-th is a special one (zeros, infinities, NaN, subnormals). */
export function values(n: number, seed: number, every = 0): Float32Array {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return Float32Array.from({ length: n }, (_, i) =>
    every > 0 && i % every === every - 1
      ? special[Math.floor(next() * special.length)]!
      : (next() - 0.5) * 2 ** Math.floor(next() * 20 - 10),
  );
}

/** A kernel parameter of a test. */
export const parameter = (name: string, scalar: Scalar, length: number, access: "read" | "write"): Buffer => ({
  name,
  scalar,
  length,
  access,
  align: 64,
});

/** Values as text in which zeros keep their sign and all NaNs are one. */
export const shown = (array: Iterable<number>): string[] =>
  [...array].map((v) => (Object.is(v, -0) ? "-0" : String(v)));

/** Memory of a kernel's own, which tests need not name. */
export const workArea = (name: string, length: number): Buffer => ({
  name,
  scalar: "f32",
  length,
  access: "readwrite",
  align: 64,
});

/** Every target with its own schedules, and with drawn ones. */
export const scheduledTargets: readonly { readonly label: string; readonly to: Target }[] = targetNames.flatMap(
  (name) => [
    { label: name, to: target(name) },
    ...[1, 2].map((seed) => ({ label: `${name}, draw ${seed}`, to: target(name, drawnSchedules(seed)) })),
  ],
);

/** The different kernels that these make, with what to call them. */
function scheduledKernels(build: (target: Target) => Kernel): { label: string; kernel: Kernel }[] {
  const known = new Set<string>();
  return scheduledTargets.flatMap(({ label, to }) => {
    const kernel = build(to);
    const text = printKernel(kernel);
    if (known.has(text) || (addsDotOnly(to.name) && !usesDot(kernel.body))) return [];
    known.add(text);
    return [{ label, kernel }];
  });
}

/**
 * Builds a kernel with the schedules of every target and with drawn ones, verifies it, compiles each for this machine, runs it, and
 * expects `expected` bit for bit in the last buffer; its chunks, where it can be split, give the same, and none writes what another one
 * does. `inputs` are the arrays of what it only reads; work areas get arrays of their own.
 */
export async function expectEverySchedule(
  build: (target: Target) => Kernel,
  inputs: readonly Numbers[],
  expected: Numbers,
): Promise<void> {
  for (const { label, kernel } of scheduledKernels(build)) {
    verifyKernel(kernel);
    const arrays = (): Numbers[] => {
      const unread = inputs[Symbol.iterator]();
      return kernel.buffers.map(({ access, length }, at) => {
        if (at === kernel.buffers.length - 1) return expected.slice().fill(77);
        return access === "read" ? (unread.next().value as Numbers).slice() : new Float32Array(length);
      });
    };
    const ours = arrays();
    await runNative(kernel, ours);
    const found = ours.at(-1)!;
    // As text only where they differ, to be read: long arrays take long.
    if (!found.every((value, at) => Object.is(value, expected[at])))
      expect(shown(found), label).toEqual(shown(expected));
    expectChunks(kernel, arrays());
  }
}

/** Every index of a shape, in row-major order. */
export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, size) => all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i])),
    [[]],
  );
}

/** Elements of a row-major array at an index. */
export const element = (array: Numbers, shape: readonly number[], index: readonly number[]): number =>
  array[index.reduce((position, each, d) => position * shape[d]! + each, 0)]!;

/** An accumulation in plain numbers. */
export interface PlainAccumulation {
  readonly identity: number;
  step(accumulator: number, index: readonly number[]): number;
  merge(a: number, b: number): number;
}

/** One reduced element by the plan that `reduceKernel` states; `kept` is its index among the dimensions that stay. */
export function reducedByPlan(
  shape: readonly number[],
  axes: readonly number[],
  kept: readonly number[],
  { identity, step, merge }: PlainAccumulation,
): number {
  const keptAxes = shape.map((_, d) => d).filter((d) => !axes.includes(d));
  const spread = (reduced: readonly number[]) =>
    shape.map((_, d) => (axes.includes(d) ? reduced[axes.indexOf(d)]! : kept[keptAxes.indexOf(d)]!));
  const last = shape.length - 1;
  const across = !axes.includes(last);
  const sizes = axes.map((d) => shape[d]!);
  const length = sizes.at(-1)!;
  const chains = across ? chainsAcross(length, shape[last]!) : 16;
  const rounds = Math.floor(length / chains);
  const counts = [...sizes.slice(0, -1), rounds];
  // What is left over by rounds: of the chains themselves, or of chains of its own along the innermost dimension.
  const tails = new Array<number>(across ? 0 : length % 16).fill(identity);
  const begun = (): number[] => new Array<number>(chains).fill(identity);
  const merged = (a: number[], b: readonly number[]): void => {
    b.forEach((each, l) => {
      a[l] = merge(a[l]!, each);
    });
  };
  const cuts = cutsOf(counts);

  /** Adds what a dimension has from an index on, so many of its indices or rounds, to chains and those of the tail. */
  const run = (
    at: number,
    start: readonly number[],
    spans: readonly number[],
    sums: number[],
    ends: number[],
  ): void => {
    const cut = cuts[at];
    const d = cut?.dimension ?? counts.length;
    // Behind the loops of the innermost dimension comes what is left of it.
    if (!cut) {
      for (let l = 0; l < chains; l++)
        sums[l] = step(sums[l]!, spread([...start.slice(0, -1), start.at(-1)! * chains + l]));
      return;
    }
    for (let from = 0; from < spans[d]!; from += cut.step) {
      const inner = spans.map((span, e) => (e === d ? Math.min(cut.step, span - from) : span));
      const place = start.map((each, e) => (e === d ? each + from : each));
      const own = cut.piece ? begun() : sums;
      const ownEnds = cut.piece && d < counts.length - 1 ? tails.map(() => identity) : ends;
      const before = cuts[at + 1]?.dimension !== d && d === counts.length - 2;
      run(at + 1, place, inner, own, ownEnds);
      if (before) rest(place, own, ownEnds);
      if (cut.piece) {
        merged(sums, own);
        if (ownEnds !== ends) merged(ends, ownEnds);
      }
    }
  };
  const rest = (start: readonly number[], sums: number[], ends: number[]): void => {
    for (let l = 0; l < length % chains; l++) {
      const at = spread([...start.slice(0, -1), rounds * chains + l]);
      if (across) sums[l] = step(sums[l]!, at);
      else ends[l] = step(ends[l]!, at);
    }
  };
  const sums = begun();
  run(
    0,
    counts.map(() => 0),
    counts,
    sums,
    tails,
  );
  if (counts.length === 1) rest([0], sums, tails);
  tails.forEach((tail, lane) => {
    sums[lane] = merge(sums[lane]!, tail);
  });
  for (let half = chains / 2; half >= 1; half /= 2)
    for (let lane = 0; lane < half; lane++) sums[lane] = merge(sums[lane]!, sums[lane + half]!);
  return sums[0]!;
}
