// Runs an elementary function compiled over arrays, and measures its error against references, for tests.
import { readFileSync } from "node:fs";
import { z } from "zod";
import {
  acos,
  asin,
  atan,
  atan2,
  cos,
  cosh,
  erf,
  exp,
  expm1,
  log,
  log1p,
  log2,
  pow,
  sigmoid,
  sin,
  sinh,
  tan,
  tanh,
} from "../functions/index.ts";
import { KernelBuilder } from "../loop/build.ts";
import type { Expression, Kernel } from "../loop/ir.ts";
import { exactFunctions, ulpsFrom } from "./exact-functions.ts";
import { runNative } from "./native-kernel.ts";

export type FloatScalar = "f32" | "f64";
export type FunctionName = keyof typeof exactFunctions;
export type Floats = Float32Array | Float64Array;
export type ElementaryFunction = (...operands: Expression[]) => Expression;

/** Every elementary function. */
export const elementary: { readonly [name in FunctionName]: ElementaryFunction } = {
  exp,
  log,
  tanh,
  sigmoid,
  sin,
  cos,
  atan,
  tan,
  asin,
  acos,
  sinh,
  cosh,
  expm1,
  log1p,
  log2,
  erf,
  atan2: atan2 as ElementaryFunction,
  pow: pow as ElementaryFunction,
};

/** erf in float64, by a series whose terms have one sign. */
function erfReference(x: number): number {
  if (!(Math.abs(x) < 5)) return Math.sign(x);
  if (Math.abs(x) < 2 ** -40) return x * (2 / Math.sqrt(Math.PI));
  let term = x;
  let sum = 0;
  for (let n = 1; Math.abs(term) > Math.abs(sum) * 2 ** -56; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 1);
  }
  return ((2 / Math.sqrt(Math.PI)) * sum) / Math.exp(x * x);
}

/** float64 references of the float32 functions of one argument, whose own error is below 2⁻²⁶ ulp of float32. */
export const singleReferences = {
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  sigmoid: (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x))),
  sin: Math.sin,
  cos: Math.cos,
  atan: Math.atan,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  sinh: Math.sinh,
  cosh: Math.cosh,
  expm1: Math.expm1,
  log1p: Math.log1p,
  log2: Math.log2,
  erf: erfReference,
} as const;
export type UnaryName = keyof typeof singleReferences;
export const unaryNames = Object.keys(singleReferences) as UnaryName[];

const lanes = 8;
const arrayOf = { f32: Float32Array, f64: Float64Array } as const;

/** A kernel that applies a function to `length` elements of each operand, vectors first and one by one at the end. */
export function kernelOf(
  name: string,
  f: ElementaryFunction,
  scalar: FloatScalar,
  arity: number,
  length: number,
): Kernel {
  const k = new KernelBuilder();
  const operands = Array.from({ length: arity }, (_, at) => k.buffer(`x${at}`, scalar, length, "read"));
  const result = k.buffer("result", scalar, length, "write");
  const main = length - (length % lanes);
  const apply = (at: Expression, width: number) =>
    k.store(result, at, f(...operands.map((each) => k.load(each, at, width))));
  if (main > 0) k.for(0, main, lanes, (i) => apply(i, lanes));
  if (main < length) k.for(main, length, 1, (i) => apply(i, 1));
  return k.finish(`${name}_${scalar}`);
}

export const functionKernel = (name: FunctionName, scalar: FloatScalar, arity: number, length: number): Kernel =>
  kernelOf(name, elementary[name], scalar, arity, length);

/** The values of a function, compiled for this machine. */
export async function compiledValues(name: FunctionName, operands: readonly Floats[]): Promise<Floats> {
  const [first] = operands;
  const scalar: FloatScalar = first instanceof Float32Array ? "f32" : "f64";
  const { length } = first!;
  const result = new arrayOf[scalar](length);
  await runNative(functionKernel(name, scalar, operands.length, length), [...operands, result]);
  return result;
}

const files = ["arc", "error-function", "exponential", "hyperbolic", "logarithm", "power", "trigonometric"];

/** The bounds in ulp that the doc comment of each exported function states. */
export function statedBounds(): { readonly [name in FunctionName]: { readonly [scalar in FloatScalar]: number } } {
  const bound = z.strictObject({ f32: z.number(), f64: z.number() });
  const bounds = files.flatMap((file) => {
    const text = readFileSync(new URL(`../functions/${file}.ts`, import.meta.url), "utf8");
    const pattern =
      /Error: ≤ ([\d.]+) ulp \(f64\), ≤ ([\d.]+) ulp \(f32\)\.\n(?: \*(?!\/).*\n)* \*\/\nexport (?:const|function) (\w+)/g;
    return [...text.matchAll(pattern)].map(([, f64, f32, name]) => [name, { f64: Number(f64), f32: Number(f32) }]);
  });
  const names = Object.keys(exactFunctions) as FunctionName[];
  return z
    .strictObject(Object.fromEntries(names.map((name) => [name, bound])))
    .parse(Object.fromEntries(bounds)) as ReturnType<typeof statedBounds>;
}

/** The largest error of some values, and where it is. */
export interface Worst {
  ulps: number;
  at: readonly number[];
  computed: number;
}

export const noError = (): Worst => ({ ulps: 0, at: [], computed: 0 });

/** One argument whose error is larger than the known ones' replaces them. */
export function note(worst: Worst, ulps: number, at: readonly number[], computed: number): void {
  if (ulps > worst.ulps) Object.assign(worst, { ulps, at, computed });
}

const float64 = new Float64Array(1);
const words = new Uint32Array(float64.buffer);

/** How far an f32 is from an f64 reference, in ulp of f32; an infinity counts as 2^128. */
export function ulpsOfSingle(reference: number, computed: number): number {
  if (Number.isNaN(reference) || Number.isNaN(computed))
    return Number.isNaN(reference) && Number.isNaN(computed) ? 0 : Infinity;
  if (reference === computed) return 0;
  if (Math.abs(computed) === Infinity) {
    if (Math.sign(reference) !== Math.sign(computed)) return Infinity;
    return Math.max(0, 2 ** 128 - Math.abs(reference)) / 2 ** 104;
  }
  float64[0] = reference;
  const exponent = Math.min(Math.max(((words[1]! >>> 20) & 2047) - 1023, -126), 127);
  return Math.abs(computed - reference) / 2 ** (exponent - 23);
}

/** The worst error of f64 values against the exact function; arguments are finite and in its domain. */
export function worstOfDoubles(name: FunctionName, operands: readonly Floats[], values: Floats): Worst {
  const exact = exactFunctions[name] as (...x: number[]) => ReturnType<typeof exactFunctions.exp>;
  const worst = noError();
  for (let at = 0; at < values.length; at++) {
    const x = operands.map((each) => each[at]!);
    note(worst, ulpsFrom(exact(...x), values[at]!, "f64"), x, values[at]!);
  }
  return worst;
}

/** Every `stride`-th bit pattern of float32 from one on. */
export function patterns(from: number, count: number, stride: number): Float32Array {
  const bits = new Uint32Array(count);
  for (let at = 0; at < count; at++) bits[at] = from + at * stride;
  return new Float32Array(bits.buffer);
}

/** The worst error of a float32 function of one argument, and of what was `worst` before; errors below half an ulp count as half an ulp. */
export async function worstOfSingles(name: UnaryName, operand: Float32Array, worst = noError()): Promise<Worst> {
  const reference = singleReferences[name];
  const values = await compiledValues(name, [operand]);
  for (let at = 0; at < values.length; at++) {
    const exact = reference(operand[at]!);
    // The nearest f32, which most values are, counts as half an ulp: working out how far it is takes longer than all else.
    const ulps = Math.fround(exact) === values[at] ? 0.5 : ulpsOfSingle(exact, values[at]!);
    if (ulps > worst.ulps) note(worst, ulps, [operand[at]!], values[at]!);
  }
  return worst;
}

/** Numbers of [0, 1) from a fixed sequence (xorshift32). */
export function random(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const bits64 = new BigInt64Array(float64.buffer);
const float32 = new Float32Array(1);
const bits32 = new Int32Array(float32.buffer);

/** The f64 or f32 that is `steps` further from zero (or nearer, where negative); `x` is finite and not 0. */
export function neighbour(x: number, steps: number, scalar: FloatScalar): number {
  if (scalar === "f32") {
    float32[0] = x;
    bits32[0] = bits32[0]! + steps;
    return float32[0]!;
  }
  float64[0] = x;
  bits64[0] = bits64[0]! + BigInt(steps);
  return float64[0]!;
}
