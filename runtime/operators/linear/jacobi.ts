// Eigenvalues of symmetric matrices and singular values, by Jacobi's rotations.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { showTensorType, sizeOf } from "../../graph/tensor-type.ts";
import { operandError } from "../operator.ts";
import { identity, matrixOperator, matrixSizes, type Rows, sized, squareSize, transposed } from "./matrices.ts";

const attributes = z.strictObject({ vectors: z.boolean() });

/** The power of two that is at most the largest magnitude; as the kernels plan it. */
function scaleOf(matrix: Rows): number {
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

interface Turn {
  readonly tangent: number;
  readonly cosine: number;
  readonly sine: number;
}

function turnOf(difference: number, off: number): Turn {
  const ratio = difference / (off * 2);
  const size = 1 / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1));
  const tangent = ratio < 0 ? -size : size;
  const cosine = 1 / Math.sqrt(tangent * tangent + 1);
  return { tangent, cosine, sine: tangent * cosine };
}

function turn(matrix: Rows, p: number, q: number, { cosine, sine }: Turn): void {
  const [first, second] = [matrix[p]!, matrix[q]!];
  for (let at = 0; at < first.length; at++) {
    const [x, y] = [first[at]!, second[at]!];
    first[at] = cosine * x - sine * y;
    second[at] = sine * x + cosine * y;
  }
}

/** Σ of products in eight chains, which are added by halves. */
function dot(one: Float64Array, other: Float64Array): number {
  let sums: number[] = Array(8).fill(0);
  for (let at = 0; at < one.length; at++) sums[at % 8] = sums[at % 8]! + one[at]! * other[at]!;
  for (let half = 4; half >= 1; half /= 2) sums = sums.slice(0, half).map((each, at) => each + sums[at + half]!);
  return sums[0]!;
}

/** Runs `body` for pairs until a round does nothing, which it says. */
function sweeps(size: number, body: (p: number, q: number) => boolean): void {
  for (let sweep = 0, again = true; sweep < generators.mostSweeps && again; sweep++) {
    again = false;
    for (let p = 0; p < size - 1; p++) for (let q = p + 1; q < size; q++) if (body(p, q)) again = true;
  }
}

/** The positions of numbers, in order. */
const inOrder = (values: readonly number[], comesFirst: (one: number, other: number) => boolean): readonly number[] =>
  values
    .map((_, at) => at)
    .sort((a, b) => (comesFirst(values[a]!, values[b]!) ? -1 : comesFirst(values[b]!, values[a]!) ? 1 : a - b));

/** Eigenvectors in columns and eigenvalues below them; as `eighKernel` plans it. */
function eigenOf(x: Rows, vectors: boolean): Rows {
  const size = x.length;
  x.forEach((row, at) => {
    for (let column = 0; column < at; column++) x[column]![at] = row[column]!;
  });
  const scale = scaleOf(x);
  const factor = 1 / scale;
  const a = x.map((row) => row.map((value) => value * factor));
  const v = identity(size);
  const least = Math.sqrt(a.reduce((sum, row) => sum + dot(row, row), 0)) * (2 ** -53 / size);
  sweeps(size, (p, q) => {
    const off = a[p]![q]!;
    if (!(Math.abs(off) > least)) return false;
    const [first, second] = [a[p]![p]!, a[q]![q]!];
    const by = turnOf(second - first, off);
    turn(a, p, q, by);
    a.forEach((row, other) => {
      row[p] = a[p]![other]!;
      row[q] = a[q]![other]!;
    });
    const moved = by.tangent * off;
    a[p]![p] = first - moved;
    a[q]![q] = second + moved;
    a[p]![q] = 0;
    a[q]![p] = 0;
    if (vectors) turn(v, p, q, by);
    return true;
  });
  const order = inOrder(
    a.map((row, at) => row[at]!),
    (one, other) => one < other,
  );
  const values = Float64Array.from(order, (at) => a[at]![at]! * scale);
  if (!vectors) return [values];
  const columns = order.map((at) => v[at]!.map((value) => value + (scale - scale)));
  return [...transposed(columns, size), values];
}

/**
 * Eigenvectors in columns and eigenvalues, ascending, below them, of each symmetric matrix of x[…,n,n], f32 or f64, of which the lower
 * triangle is read → […,n+1,n]; without `vectors` […,1,n]. NaN where an element is not finite. Exact, as the kernel plans it.
 */
export const eigh = matrixOperator({
  name: "eigh",
  attributes,
  infer([x], { vectors }) {
    const size = squareSize("eigh", x!);
    return sized(x!, vectors ? sizeOf(size) + 1 : 1, size);
  },
  evaluate: ([x], { vectors }) => eigenOf(x!, vectors),
  inMemory: [],
  plan: "Jacobi's rotations, pairs in order, in f64",
  work: ([shape]) => generators.eighWork(shape![0]!),
  build: ({ name, buffers, operands: [x], destination, work }, { vectors }) =>
    generators.eighKernel(name, buffers, x!, vectors, { matrix: work.matrix!, vectors: work.vectors! }, destination),
});

/** Left singular vectors, right ones below them, and values; as `svdKernel` plans it. */
function singularOf(x: Rows, columns: number, vectors: boolean): Rows {
  const rows = x.length;
  const turned = transposed(x, columns);
  const scale = scaleOf(turned);
  const factor = 1 / scale;
  const u = turned.map((row) => row.map((value) => value * factor));
  const v = identity(columns);
  const none = u.reduce((sum, row) => sum + dot(row, row), 0) * 2 ** -104;
  const tolerance = 2 ** -52 * Math.sqrt(rows);
  sweeps(columns, (p, q) => {
    const [first, second, off] = [dot(u[p]!, u[p]!), dot(u[q]!, u[q]!), dot(u[p]!, u[q]!)];
    if (!(first > none && second > none && Math.abs(off) > Math.sqrt(first) * Math.sqrt(second) * tolerance))
      return false;
    const by = turnOf(second - first, off);
    turn(u, p, q, by);
    if (vectors) turn(v, p, q, by);
    return true;
  });
  const sizes = u.map((row) => Math.sqrt(dot(row, row)));
  const order = inOrder(sizes, (one, other) => one > other);
  const values = Float64Array.from(order, (at) => sizes[at]! * scale);
  if (!vectors) return [values];
  const spoiled = scale - scale;
  const least = Math.sqrt(none);
  const left = order.map((at) => u[at]!.map((value) => (sizes[at]! > least ? value / sizes[at]! : 0) + spoiled));
  const right = order.map((at) => v[at]!.map((value) => value + spoiled));
  return [...transposed(left, rows), ...transposed(right, columns), values];
}

/**
 * The left singular vectors of each matrix of x[…,m,n], m ≥ n, f32 or f64, in columns, below them the right ones, and in the last row
 * the singular values, descending → […,m+n+1,n]; without `vectors` […,1,n]. Left vectors of values that are none beside the others
 * are zeros. NaN where an element is not finite. Exact, as the kernel plans it.
 */
export const svd = matrixOperator({
  name: "svd",
  attributes,
  infer([x], { vectors }) {
    const [rows, columns] = matrixSizes("svd", x!);
    if (sizeOf(rows) < sizeOf(columns))
      throw operandError(
        "shape",
        `svd of ${showTensorType(x!)}`,
        "give it the transpose: it takes no more columns than rows",
      );
    return sized(x!, vectors ? sizeOf(rows) + sizeOf(columns) + 1 : 1, columns);
  },
  evaluate: ([x], { vectors }) => singularOf(x!, x![0]!.length, vectors),
  inMemory: [],
  plan: "Jacobi's rotations of columns, pairs in order, in f64",
  work: ([shape]) => generators.svdWork(shape![0]!, shape![1]!),
  build: ({ name, buffers, operands: [x], destination, work }, { vectors }) =>
    generators.svdKernel(
      name,
      buffers,
      x!,
      vectors,
      { left: work.left!, right: work.right!, sizes: work.sizes! },
      destination,
    ),
});
