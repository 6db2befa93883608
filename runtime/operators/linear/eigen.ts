// Eigenvalues of symmetric matrices.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { sizeOf } from "../../graph/tensor-type.ts";
import { matrixOperator, type Rows, sized, squareSize, transposed, zeros } from "./matrices.ts";
import { deflated, dot, inOrder, product, reflection, rotate, rotationOf, scaleOf, subtract } from "./spectrum.ts";

/** The diagonal and what is beside it of a tridiagonal matrix, and the reflections that made it. */
interface Tridiagonal {
  readonly d: Float64Array;
  readonly e: Float64Array;
  readonly vectors: Rows;
  readonly taus: Float64Array;
}

function tridiagonal(a: Rows): Tridiagonal {
  const size = a.length;
  const [d, e, taus] = [new Float64Array(size), new Float64Array(size), new Float64Array(size)];
  const vectors = zeros(size, size);
  for (let at = 0; at < size - 1; at++) {
    d[at] = a[at]![at]!;
    const v = vectors[at + 1]!;
    v.set(a[at]!);
    const { tau, beta } = reflection(v, at + 1);
    e[at] = beta;
    taus[at + 1] = tau;
    const w = new Float64Array(size);
    for (let row = at + 1; row < size; row++) w[row] = tau * dot(a[row]!, v);
    subtract(w, tau * 0.5 * dot(w, v), v);
    for (let row = at + 1; row < size; row++)
      for (let column = at + 1; column < size; column++)
        a[row]![column] = a[row]![column]! - (v[row]! * w[column]! + w[row]! * v[column]!);
  }
  d[size - 1] = a[size - 1]![size - 1]!;
  return { d, e, vectors, taus };
}

/** One sweep of the QR algorithm over a block. */
function sweep({ d, e }: Tridiagonal, from: number, to: number, turned: Rows): void {
  const ratio = (d[to - 1]! - d[to]!) / (e[to - 1]! * 2);
  const root = Math.sqrt(ratio * ratio + 1);
  let g = d[from]! - d[to]! + e[to - 1]! / (ratio + (ratio < 0 ? -root : root));
  let [cosine, sine, moved] = [1, 1, 0];
  for (let at = from; at < to; at++) {
    const [f, b] = [sine * e[at]!, cosine * e[at]!];
    const by = rotationOf(g, f);
    if (at !== from) e[at - 1] = by.length;
    const own = d[at]! - moved;
    const r = (d[at + 1]! - own) * by.sine + by.cosine * 2 * b;
    moved = by.sine * r;
    d[at] = own + moved;
    g = by.cosine * r - b;
    ({ cosine, sine } = by);
    if (turned.length > 0) rotate(turned, at, by);
  }
  d[to] = d[to]! - moved;
  e[to - 1] = g;
}

/** Eigenvectors in columns and eigenvalues below them; as `eighKernel` plans it. */
function eigenOf(x: Rows, vectors: boolean): Rows {
  const size = x.length;
  x.forEach((row, at) => {
    for (let column = 0; column < at; column++) x[column]![at] = row[column]!;
  });
  const scale = scaleOf(x);
  if (!Number.isFinite(scale)) return zeros(vectors ? size + 1 : 1, size).map((row) => row.fill(Number.NaN));
  const factor = 1 / scale;
  const reduced = tridiagonal(x.map((row) => row.map((value) => value * factor)));
  if (vectors) product(reduced.vectors, reduced.taus);
  const turned = vectors ? reduced.vectors : [];
  const fails = deflated(reduced.d, reduced.e, (from, to) => sweep(reduced, from, to, turned));
  const spoiled = fails ? Number.NaN : 0;
  const order = inOrder(reduced.d, (one, other) => one < other);
  const values = Float64Array.from(order, (at) => reduced.d[at]! * scale + spoiled);
  if (!vectors) return [values];
  const columns = order.map((at) => reduced.vectors[at]!.map((value) => value + spoiled));
  return [...transposed(columns, size), values];
}

/**
 * Eigenvectors in columns and eigenvalues, ascending, below them, of each symmetric matrix of x[…,n,n], f32 or f64, of which the lower
 * triangle is read → […,n+1,n]; without `vectors` […,1,n]. NaN where an element is not finite. Exact, as the kernel plans it.
 */
export const eigh = matrixOperator({
  name: "eigh",
  attributes: z.strictObject({ vectors: z.boolean() }),
  infer([x], { vectors }) {
    const size = squareSize("eigh", x!);
    return sized(x!, vectors ? sizeOf(size) + 1 : 1, size);
  },
  evaluate: ([x], { vectors }) => eigenOf(x!, vectors),
  inMemory: [],
  plan: "reflections to a tridiagonal matrix, then the QR algorithm, in f64",
  work: ([shape]) => generators.eighWork(shape![0]!),
  build: ({ name, buffers, operands: [x], destination, work }, { vectors }) =>
    generators.eighKernel(
      name,
      buffers,
      x!,
      vectors,
      {
        matrix: work.matrix!,
        vectors: work.vectors!,
        lines: work.lines!,
        rotations: work.rotations!,
        ends: work.ends!,
      },
      destination,
    ),
});
