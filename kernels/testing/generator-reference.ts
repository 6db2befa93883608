// What the generators' tests compute for themselves: numeric plans in plain TypeScript, and kernels run under every schedule.
import { expect } from "vitest";
import type { Buffer, Kernel, Scalar } from "../loop/ir.ts";
import { verifyKernel } from "../loop/verify.ts";
import { usesDot } from "../loop/walk.ts";
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

/**
 * Builds a kernel with the schedule of every target, verifies it, compiles each for this machine, runs it, and expects `expected`
 * bit for bit in the last buffer; its chunks, where it can be split, give the same, and none writes what another one does.
 */
export async function expectEverySchedule(
  build: (target: Target) => Kernel,
  inputs: readonly Numbers[],
  expected: Numbers,
): Promise<void> {
  for (const name of targetNames) {
    const output = expected.slice().fill(77);
    const kernel = build(target(name));
    if (addsDotOnly(name) && !usesDot(kernel.body)) continue;
    verifyKernel(kernel);
    await runNative(kernel, [...inputs.map((each) => each.slice()), output]);
    expect(shown(output), name).toEqual(shown(expected));
    expectChunks(kernel, [...inputs, expected.slice().fill(77)]);
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
  const reduced = indices(axes.map((d) => shape[d]!));
  const last = shape.length - 1;
  if (!axes.includes(last)) return reduced.reduce((sum, index) => step(sum, spread(index)), identity);
  const inner = shape[last]!;
  const main = inner - (inner % 16);
  const parts = new Array<number>(16).fill(identity);
  const tails = new Array<number>(inner % 16).fill(identity);
  for (const index of reduced) {
    const i = index.at(-1)!;
    const chains = i < main ? parts : tails;
    chains[i % 16] = step(chains[i % 16]!, spread(index));
  }
  tails.forEach((tail, lane) => {
    parts[lane] = merge(parts[lane]!, tail);
  });
  for (let half = 8; half >= 1; half /= 2)
    for (let lane = 0; lane < half; lane++) parts[lane] = merge(parts[lane]!, parts[lane + half]!);
  return parts[0]!;
}
