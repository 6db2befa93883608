// What eigenvalues of symmetric matrices and singular values have in common, as the kernels plan it.
import { generators } from "../../../kernels/index.ts";
import type { Rows } from "./matrices.ts";

/** The power of two that is at most the largest magnitude. */
export function scaleOf(matrix: Rows): number {
  let most = 0;
  for (const row of matrix)
    for (const value of row) {
      const magnitude = Math.abs(value);
      if (magnitude > most || Number.isNaN(magnitude)) most = magnitude;
    }
  const power = Float64Array.of(most);
  const bits = new BigUint64Array(power.buffer);
  bits[0] = bits[0]! & 0x7ff0_0000_0000_0000n;
  return power[0]! === 0 ? 1 : power[0]!;
}

/** Σ of products in eight chains, which are added by halves. */
export function dot(one: Float64Array, other: Float64Array): number {
  let sums: number[] = Array(8).fill(0);
  for (let at = 0; at < one.length; at++) sums[at % 8] = sums[at % 8]! + one[at]! * other[at]!;
  for (let half = 4; half >= 1; half /= 2) sums = sums.slice(0, half).map((each, at) => each + sums[at + half]!);
  return sums[0]!;
}

/** Takes a factor times a row off another. */
export function subtract(row: Float64Array, factor: number, other: Float64Array): void {
  for (let at = 0; at < row.length; at++) row[at] = row[at]! - factor * other[at]!;
}

/** Puts the vector of the reflection of a row, from a column on, in its place. */
export function reflection(row: Float64Array, from: number): { readonly tau: number; readonly beta: number } {
  const alpha = row[from]!;
  row.fill(0, 0, from + 1);
  const squares = dot(row, row);
  if (squares <= generators.leastSquares) {
    row.fill(0);
    return { tau: 0, beta: alpha };
  }
  const norm = Math.sqrt(alpha * alpha + squares);
  const beta = alpha < 0 ? norm : -norm;
  for (let at = from + 1; at < row.length; at++) row[at] = row[at]! / (alpha - beta);
  row[from] = 1;
  return { tau: (beta - alpha) / beta, beta };
}

/** The first rows of the product of reflections, in the place of their vectors. */
export function product(matrix: Rows, taus: Float64Array): void {
  for (let row = matrix.length - 1; row >= 0; row--) {
    const [own, tau] = [matrix[row]!, taus[row]!];
    for (const other of matrix.slice(row + 1)) subtract(other, tau * dot(other, own), own);
    own.forEach((value, at) => {
      own[at] = at < row ? 0 : 0 - tau * value;
    });
    own[row] = 1 - tau;
  }
}

/** A rotation that makes (f, g) to (length, 0). */
export interface Rotation {
  readonly cosine: number;
  readonly sine: number;
  readonly length: number;
}

export function rotationOf(f: number, g: number): Rotation {
  const isSmall = Math.abs(f) < 2 ** -400 && Math.abs(g) < 2 ** -400;
  const up = isSmall ? 2 ** 600 : 1;
  const [x, y] = [f * up, g * up];
  const size = Math.sqrt(x * x + y * y);
  const inverse = 1 / (size === 0 ? 1 : size);
  return { cosine: size === 0 ? 1 : x * inverse, sine: y * inverse, length: size * (isSmall ? 2 ** -600 : 1) };
}

/** Turns a row of a matrix and the next one. */
export function rotate(matrix: Rows, row: number, { cosine, sine }: Rotation): void {
  const [upper, lower] = [matrix[row]!, matrix[row + 1]!];
  for (let at = 0; at < upper.length; at++) {
    const [x, y] = [upper[at]!, lower[at]!];
    upper[at] = cosine * x + sine * y;
    lower[at] = cosine * y - sine * x;
  }
}

/** Sweeps over blocks until numbers beside a diagonal are small; whether they do not become so. */
export function deflated(d: Float64Array, e: Float64Array, sweep: (from: number, to: number) => void): boolean {
  const isSmall = (at: number) => Math.abs(e[at]!) <= (Math.abs(d[at]!) + Math.abs(d[at + 1]!)) * 2 ** -53 + 2 ** -58;
  let bottom = d.length - 1;
  for (let turn = 0; turn < d.length * (generators.mostSweeps + 1) && bottom > 0; turn++) {
    if (isSmall(bottom - 1)) {
      bottom--;
      continue;
    }
    let from = bottom - 1;
    while (from > 0 && !isSmall(from - 1)) from--;
    sweep(from, bottom);
  }
  return bottom > 0;
}

/** The positions of numbers, in order, of equals the first one first. */
export const inOrder = (values: Float64Array, comesFirst: (one: number, other: number) => boolean): readonly number[] =>
  Array.from(values, (_, at) => at).sort((a, b) =>
    comesFirst(values[a]!, values[b]!) ? -1 : comesFirst(values[b]!, values[a]!) ? 1 : a - b,
  );
