// Determinants of square matrices.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { sameDimension, showTensorType, sizeOf } from "../graph/tensor-type.ts";
import { unlessAlong } from "./bounded.ts";
import { requireFloat } from "./composite.ts";
import { operandError, operator, privateWork } from "./operator.ts";

/** The determinant of a matrix of float64, which is changed; as `determinantKernel` plans it. */
function eliminated(rows: Float64Array[]): number {
  let product = 1;
  for (let column = 0; column < rows.length; column++) {
    let chosen = column;
    for (let row = column + 1; row < rows.length; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[chosen]![column]!)) chosen = row;
    if (chosen !== column) {
      product = -product;
      [rows[column], rows[chosen]] = [rows[chosen]!, rows[column]!];
    }
    const upper = rows[column]!;
    const pivot = upper[column]!;
    product *= pivot;
    if (pivot === 0) continue;
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / pivot;
      for (let at = column + 1; at < row.length; at++) row[at] = row[at]! - factor * upper[at]!;
    }
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
    const size = x!.shape.at(-1)!;
    for (let i = 0; i < data.length; i++) {
      const line = (row: number) => (i * size + row) * size;
      data[i] = eliminated(
        Array.from({ length: size }, (_, row) =>
          Float64Array.from(x!.data.subarray(line(row), line(row) + size) as Float64Array),
        ),
      );
    }
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
