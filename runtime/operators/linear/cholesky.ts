// Cholesky's factor.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { matrixOperator, type Rows, squareSize, zeros } from "./matrices.ts";

/** L of one matrix; as `choleskyKernel` plans it. */
function factorOf(x: Rows): Rows {
  const size = x.length;
  const l = zeros(size, size);
  x.forEach((row, at) => {
    l[at]!.set(row.subarray(0, at + 1));
  });
  for (let column = 0; column < size; column++) {
    const pivot = l[column]![column]!;
    const root = pivot > 0 ? Math.sqrt(pivot) : Number.NaN;
    for (let row = column + 1; row < size; row++) l[row]![column] = l[row]![column]! / root;
    l[column]![column] = root;
    for (let row = column + 1; row < size; row++)
      for (let at = column + 1; at <= row; at++) l[row]![at] = l[row]![at]! - l[at]![column]! * l[row]![column]!;
  }
  return l;
}

/**
 * The lower triangle L of L·Lᵀ = x of each matrix of x[…,n,n], f32 or f64, of which the lower triangle is read.
 *
 * Where a matrix is not positive definite, L's diagonal is NaN from the column on in which that shows. Exact, as the kernel plans it.
 */
export const cholesky = matrixOperator({
  name: "cholesky",
  attributes: z.strictObject({}),
  infer([x]) {
    squareSize("cholesky", x!);
    return x!;
  },
  evaluate: ([x]) => factorOf(x!),
  inMemory: [],
  plan: "columns in order, in f64",
  work: ([shape]) => ({ upper: generators.choleskyWork(shape![0]!) }),
  build: ({ name, buffers, operands: [x], destination, work }) =>
    generators.choleskyKernel(name, buffers, x!, work.upper!, destination),
});
