// Determinants of square matrices.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { sameDimension, showTensorType, sizeOf } from "../graph/tensor-type.ts";
import { unlessAlong } from "./bounded.ts";
import { requireFloat } from "./composite.ts";
import { factorsOf } from "./linear/elimination.ts";
import { matricesOf, type Rows } from "./linear/matrices.ts";
import { operandError, operator, privateWork } from "./operator.ts";

/** The determinant of a matrix of float64; as `determinantKernel` plans it. */
function determinantOf(matrix: Rows): number {
  const size = matrix.length;
  let product = 1;
  for (const [column, row] of factorsOf(matrix, size).entries()) {
    if (row[size] !== column) product = -product;
    product *= row[column]!;
  }
  return product;
}

/**
 * The determinant of each matrix of x[…,n,n] → […]; 1 of one without elements. Floats.
 *
 * By elimination with partial pivoting in float64, rounded once: exactly so, and as far from the determinant as float64 brings it.
 */
export const det = operator({
  name: "det",
  attributes: z.strictObject({}),
  errorUlp: 0,
  infer([x]) {
    requireFloat("det", x!);
    const [rows, columns] = x!.shape.slice(-2);
    if (rows === undefined || columns === undefined || !sameDimension(rows, columns))
      throw operandError("shape", `det of ${showTensorType(x!)}`, "the operand is square matrices, […,n,n]");
    return { dtype: x!.dtype, shape: x!.shape.slice(0, -2) };
  },
  evaluate([x], _, { data }) {
    for (const [at, matrix] of matricesOf(x!).entries()) data[at] = determinantOf(matrix);
  },
  bounded: (operands) =>
    unlessAlong(
      operands,
      [-2, -1].map((d) => d + operands[0]!.shape.length),
    ),
  lowering: {
    kind: "kernel",
    inMemory: [],
    plan: () => "elimination in f64",
    work: ([x]) => privateWork("f64", { matrix: generators.determinantWork(sizeOf(x!.shape.at(-1)!)) }),
    build: ({ name, buffers, operands: [x], destination, work }) =>
      generators.determinantKernel(name, buffers, x!, work.matrix!, destination),
  },
});
