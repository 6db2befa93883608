// Householder's reflections.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { showTensorType } from "../../graph/tensor-type.ts";
import { operandError } from "../operator.ts";
import { identity, matrixOperator, type Rows, requireElements, sized } from "./matrices.ts";

/** Takes τ·v·(vᵀ·A) off; as the kernels plan it. `v` is given from the row `row` on. */
function reflect(a: Rows, v: (row: number) => number, tau: number, row: number, column: number): void {
  for (let at = column; at < a[0]!.length; at++) {
    let sum = 0;
    for (let i = row; i < a.length; i++) sum += v(i) * a[i]![at]!;
    const factor = tau * sum;
    for (let i = row; i < a.length; i++) a[i]![at] = a[i]![at]! - v(i) * factor;
  }
}

/** The reflections of one matrix; as `reflectionsKernel` plans it. */
function reflectionsOf(x: Rows, columns: number): Rows {
  const rows = x.length;
  const factors = new Float64Array(columns);
  for (let at = 0; at < Math.min(rows, columns); at++) {
    const alpha = x[at]![at]!;
    let most = Math.abs(alpha);
    for (let row = at + 1; row < rows; row++) {
      const magnitude = Math.abs(x[row]![at]!);
      if (magnitude > most) most = magnitude;
    }
    const scale = most === 0 ? 1 : most;
    let squares = 0;
    for (let row = at + 1; row < rows; row++) squares += (x[row]![at]! / scale) * (x[row]![at]! / scale);
    if (squares === 0) {
      for (let row = at + 1; row < rows; row++) x[row]![at] = 0;
      continue;
    }
    const norm = scale * Math.sqrt((alpha / scale) * (alpha / scale) + squares);
    const beta = alpha < 0 ? norm : -norm;
    const tau = (beta - alpha) / beta;
    for (let row = at + 1; row < rows; row++) x[row]![at] = x[row]![at]! / (alpha - beta);
    reflect(x, (row) => (row === at ? 1 : x[row]![at]!), tau, at, at + 1);
    x[at]![at] = beta;
    factors[at] = tau;
  }
  return [...x, factors];
}

/**
 * Of each matrix of x[…,m,n], f32 or f64 → […,m+1,n]: R on and above the diagonal, below it the vectors of the reflections that make
 * it, whose own element is 1, and in the last row their factors, as LAPACK's geqrf. Exact, as the kernel plans it.
 */
export const reflections = matrixOperator({
  name: "reflections",
  attributes: z.strictObject({}),
  infer([x]) {
    const [rows, columns] = requireElements("reflections", x!);
    return sized(x!, rows + 1, columns);
  },
  evaluate: ([x]) => reflectionsOf(x!, x![0]!.length),
  inMemory: [],
  plan: "columns in order, in f64",
  work: ([shape]) => generators.reflectionsWork(shape![0]!, shape![1]!),
  build: ({ name, buffers, operands: [x], destination, work }) =>
    generators.reflectionsKernel(name, buffers, x!, { triangle: work.triangle!, vectors: work.vectors! }, destination),
});

/**
 * The first `columns` columns of the product of reflections x[…,m+1,n], as `reflections` gives them → […,m,columns]. Exact, as the
 * kernel plans it.
 */
export const reflected = matrixOperator({
  name: "reflected",
  attributes: z.strictObject({ columns: z.int().min(1) }),
  infer([x], { columns }) {
    const rows = requireElements("reflected", x!)[0] - 1;
    if (columns > rows)
      throw operandError(
        "shape",
        `${columns} columns of the reflections ${showTensorType(x!)}`,
        "there are as many columns as rows at most, and one row more for the factors",
      );
    return sized(x!, rows, columns);
  },
  evaluate([x], { columns }) {
    const rows = x!.length - 1;
    const q = identity(rows).map((row) => row.slice(0, columns));
    for (let at = Math.min(rows, x![0]!.length) - 1; at >= 0; at--) {
      const tau = x![rows]![at]!;
      if (tau !== 0) reflect(q, (row) => (row === at ? 1 : x![row]![at]!), tau, at, at);
    }
    return q;
  },
  inMemory: [0],
  plan: "the last reflection first, in f64",
  work: ([shape], { columns }) => generators.reflectedWork(shape![0]! - 1, columns),
  build: ({ name, buffers, operands: [x], destination, work }, { columns }) =>
    generators.reflectedKernel(
      name,
      buffers,
      x!,
      columns,
      { product: work.product!, vector: work.vector! },
      destination,
    ),
});
