// Singular values and vectors.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { showTensorType, sizeOf } from "../../graph/tensor-type.ts";
import { operandError } from "../operator.ts";
import { matrixOperator, matrixSizes, type Rows, sized, transposed, zeros } from "./matrices.ts";
import { deflated, dot, inOrder, product, reflection, rotate, rotationOf, scaleOf, subtract } from "./spectrum.ts";

/** The diagonal and what is right of it of a bidiagonal matrix, and the reflections from both sides that made it, in rows. */
interface Bidiagonal {
  readonly d: Float64Array;
  readonly e: Float64Array;
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly v: Rows;
}

/** Columns are rows of `u`, in the place of which the vectors of the reflections from the left come. */
function bidiagonal(u: Rows): Bidiagonal {
  const columns = u.length;
  const [d, e, left, right] = Array.from({ length: 4 }, () => new Float64Array(columns)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const v = zeros(columns, columns);
  for (let at = 0; at < columns; at++) {
    const own = u[at]!;
    const { tau, beta } = reflection(own, at);
    d[at] = beta;
    left[at] = tau;
    if (at + 1 === columns) break;
    const w = v[at + 1]!;
    const products = u.map((column, place) => (place > at ? tau * dot(column, own) : 0));
    for (let place = at + 1; place < columns; place++) w[place] = u[place]![at]! - products[place]!;
    const other = reflection(w, at + 1);
    e[at] = other.beta;
    right[at + 1] = other.tau;
    const sum = new Float64Array(own.length);
    for (let place = at + 1; place < columns; place++) {
      subtract(u[place]!, products[place]!, own);
      u[place]!.forEach((value, row) => {
        sum[row] = sum[row]! + w[place]! * value;
      });
    }
    sum.forEach((value, row) => {
      sum[row] = other.tau * value;
    });
    for (let place = at + 1; place < columns; place++) subtract(u[place]!, w[place]!, sum);
  }
  return { d, e, left, right, v };
}

/** What the sweep of a block begins with. */
function firstOf({ d, e }: Bidiagonal, from: number, to: number): number {
  const [first, beside, second] = [Math.abs(d[to - 1]!), Math.abs(e[to - 1]!), Math.abs(d[to]!)];
  const [more, fewer] = first < second ? [second, first] : [first, second];
  const divisor = more === 0 ? 1 : more;
  const part = fewer / divisor;
  const [sum, difference, slope] = [1 + part, 1 - part, beside / divisor];
  const square = slope * slope;
  const shift = (fewer * 2) / (Math.sqrt(sum * sum + square) + Math.sqrt(difference * difference + square));
  let [least, most] = [second, second];
  for (let at = from; at < to; at++) {
    least = Math.min(Math.abs(d[at]!), least);
    most = Math.max(most, Math.abs(d[at]!), Math.abs(e[at]!));
  }
  const start = d[from]!;
  if (least <= most * 2 ** -53 || shift * shift <= start * start * 2 ** -52) return start;
  return (Math.abs(start) - shift) * ((start < 0 ? -1 : 1) + shift / start);
}

/** One sweep of the QR algorithm over a block. */
function sweep(matrix: Bidiagonal, from: number, to: number, [u, v]: readonly [Rows, Rows]): void {
  const { d, e } = matrix;
  let f = firstOf(matrix, from, to);
  let g = e[from]!;
  for (let at = from; at < to; at++) {
    const right = rotationOf(f, g);
    if (at !== from) e[at - 1] = right.length;
    const turned = right.cosine * d[at]! + right.sine * e[at]!;
    const beside = right.cosine * e[at]! - right.sine * d[at]!;
    const bulge = right.sine * d[at + 1]!;
    const under = right.cosine * d[at + 1]!;
    const left = rotationOf(turned, bulge);
    d[at] = left.length;
    f = left.cosine * beside + left.sine * under;
    d[at + 1] = left.cosine * under - left.sine * beside;
    if (at !== to - 1) {
      g = left.sine * e[at + 1]!;
      e[at + 1] = left.cosine * e[at + 1]!;
    }
    if (u.length > 0) {
      rotate(u, at, left);
      rotate(v, at, right);
    }
  }
  e[to - 1] = f;
}

/** Left singular vectors, right ones below them, and values; as `svdKernel` plans it. */
function singularOf(x: Rows, columns: number, vectors: boolean): Rows {
  const rows = x.length;
  const turned = transposed(x, columns);
  const scale = scaleOf(turned);
  if (!Number.isFinite(scale))
    return zeros(vectors ? rows + columns + 1 : 1, columns).map((row) => row.fill(Number.NaN));
  const factor = 1 / scale;
  const u = turned.map((row) => row.map((value) => value * factor));
  const reduced = bidiagonal(u);
  const { d, e, v } = reduced;
  if (vectors) {
    product(u, reduced.left);
    product(v, reduced.right);
  }
  const sides: readonly [Rows, Rows] = vectors ? [u, v] : [[], []];
  const spoiled = deflated(d, e, (from, to) => sweep(reduced, from, to, sides)) ? Number.NaN : 0;
  const sizes = d.map((each) => Math.abs(each));
  const order = inOrder(sizes, (one, other) => one > other);
  const values = Float64Array.from(order, (at) => sizes[at]! * scale + spoiled);
  if (!vectors) return [values];
  const left = order.map((at) => u[at]!.map((value) => value + spoiled));
  const right = order.map((at) => v[at]!.map((value) => (d[at]! < 0 ? -value : value) + spoiled));
  return [...transposed(left, rows), ...transposed(right, columns), values];
}

/**
 * The left singular vectors of each matrix of x[…,m,n], m ≥ n, f32 or f64, in columns, below them the right ones, and in the last row
 * the singular values, descending → […,m+n+1,n]; without `vectors` […,1,n]. NaN where an element is not finite. Exact, as the kernel
 * plans it.
 */
export const svd = matrixOperator({
  name: "svd",
  attributes: z.strictObject({ vectors: z.boolean() }),
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
  plan: "reflections to a bidiagonal matrix, then the QR algorithm, in f64",
  work: ([shape]) => generators.svdWork(shape![0]!, shape![1]!),
  build: ({ name, buffers, operands: [x], destination, work }, { vectors }) =>
    generators.svdKernel(
      name,
      buffers,
      x!,
      vectors,
      {
        left: work.left!,
        right: work.right!,
        lines: work.lines!,
        sum: work.sum!,
        leftRotations: work.leftRotations!,
        rightRotations: work.rightRotations!,
        ends: work.ends!,
      },
      destination,
    ),
});
