// Factors by elimination, and what is solved by triangles.
import { z } from "zod";
import { generators } from "../../../kernels/index.ts";
import { sameDimension, showTensorType, sizeOf, type TensorType } from "../../graph/tensor-type.ts";
import { operandError } from "../operator.ts";
import {
  matrixOperator,
  matrixSizes,
  type Rows,
  requireBatch,
  requireElements,
  sized,
  squareSize,
} from "./matrices.ts";

/** The factors of one matrix and its pivots; as `luKernel` plans it. */
export function factorsOf(x: Rows, columns: number): Rows {
  const rows = x.map((row) => Float64Array.from([...row, 0]));
  const count = Math.min(rows.length, columns);
  const pivots = new Float64Array(rows.length);
  for (let column = 0; column < count; column++) {
    let chosen = column;
    for (let row = column + 1; row < rows.length; row++)
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[chosen]![column]!)) chosen = row;
    pivots[column] = chosen;
    [rows[column], rows[chosen]] = [rows[chosen]!, rows[column]!];
    const upper = rows[column]!;
    const pivot = upper[column]!;
    if (pivot === 0) continue;
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / pivot;
      row[column] = factor;
      for (let at = column + 1; at < columns; at++) row[at] = row[at]! - factor * upper[at]!;
    }
  }
  rows.forEach((row, at) => {
    row[columns] = pivots[at]!;
  });
  return rows;
}

/**
 * The factors of each matrix of x[…,m,n] with its rows changed → […,m,n+1]: L below the diagonal, its own being ones, U on and above
 * it, and in the last column the number of the row that each row changed places with, in order from the first. f32 or f64. Exact, as
 * the kernel plans it.
 */
export const lu = matrixOperator({
  name: "lu",
  attributes: z.strictObject({}),
  infer([x]) {
    const [rows, columns] = requireElements("lu", x!);
    return sized(x!, rows, columns + 1);
  },
  evaluate: ([x]) => factorsOf(x!, x![0]!.length),
  inMemory: [],
  plan: "elimination by columns in order, in f64",
  work: ([shape]) => generators.luWork(shape![0]!, shape![1]!),
  build: ({ name, buffers, operands: [x], destination, work }) =>
    generators.luKernel(name, buffers, x!, { upper: work.upper!, lower: work.lower! }, destination),
});

/** Puts X of T·X = B in the place of B; as `triangularSolveKernel` plans it. */
function substitute(
  element: (row: number, column: number) => number,
  x: Rows,
  { upper, unit }: { readonly upper: boolean; readonly unit: boolean },
): void {
  const size = x.length;
  for (let turn = 0; turn < size; turn++) {
    const row = upper ? size - 1 - turn : turn;
    const own = x[row]!;
    for (let column = upper ? row + 1 : 0; column < (upper ? size : row); column++) {
      const factor = element(row, column);
      for (let at = 0; at < own.length; at++) own[at] = own[at]! - factor * x[column]![at]!;
    }
    if (!unit) for (let at = 0; at < own.length; at++) own[at] = own[at]! / element(row, row);
  }
}

/** Refuses a right side that does not belong to the rows of a left one. Throws `operator/shape`. */
function requireRight(name: string, rows: TensorType["shape"][number], a: TensorType, b: TensorType): void {
  const [given] = matrixSizes(name, b);
  requireBatch(name, a, b);
  if (!sameDimension(rows, given))
    throw operandError(
      "shape",
      `${name} of ${showTensorType(a)} and ${showTensorType(b)}`,
      "the right side is […,n,m]",
    );
}

/**
 * X of A·X = B, A[…,n,n] being triangles, `upper` or lower ones, whose diagonals count as ones where `unit`; the rest of A is not
 * read. B[…,n,m], f32 or f64 as A → B's type. Exact, as the kernel plans it.
 */
export const triangularSolve = matrixOperator({
  name: "triangularSolve",
  attributes: z.strictObject({ upper: z.boolean(), unit: z.boolean() }),
  infer([a, b]) {
    requireRight("triangularSolve", squareSize("triangularSolve", a!), a!, b!);
    return b!;
  },
  evaluate([a, b], attributes) {
    substitute((row, column) => a![row]![column]!, b!, attributes);
    return b!;
  },
  inMemory: [0],
  plan: "rows in order, in f64",
  work: ([, shape]) => ({ solution: generators.solveWork(shape![0]!, shape![1]!) }),
  build: ({ name, buffers, operands: [a, b], destination, work }, attributes) =>
    generators.triangularSolveKernel(name, buffers, [a!, b!], attributes, work.solution!, destination),
});

/**
 * X of A·X = B, or of Aᵀ·X = B where `transposed`, by what `lu` gives of A[…,n,n]. B[…,n,m], f32 or f64 as the factors → B's type. A
 * pivot that is no row counts as the nearest. Exact, as the kernel plans it.
 */
export const luSolve = matrixOperator({
  name: "luSolve",
  attributes: z.strictObject({ transposed: z.boolean() }),
  infer([factors, b]) {
    const [rows, columns] = matrixSizes("luSolve", factors!);
    if (sizeOf(columns) !== sizeOf(rows) + 1)
      throw operandError(
        "shape",
        `luSolve by ${showTensorType(factors!)}`,
        "it takes what lu gives of square matrices",
      );
    requireRight("luSolve", rows, factors!, b!);
    return b!;
  },
  evaluate([factors, b], { transposed }) {
    const x = [...b!];
    const size = x.length;
    const element = (row: number, column: number) => factors![row]![column]!;
    const turned = (row: number, column: number) => element(column, row);
    const swap = (row: number) => {
      const said = Math.trunc(element(row, size));
      const other = Math.min(Math.max(Number.isNaN(said) ? 0 : said, 0), size - 1);
      [x[row], x[other]] = [x[other]!, x[row]!];
    };
    if (transposed) {
      substitute(turned, x, { upper: false, unit: false });
      substitute(turned, x, { upper: true, unit: true });
      for (let row = size - 1; row >= 0; row--) swap(row);
    } else {
      for (let row = 0; row < size; row++) swap(row);
      substitute(element, x, { upper: false, unit: true });
      substitute(element, x, { upper: true, unit: false });
    }
    return x;
  },
  inMemory: [0],
  plan: "both triangles by rows in order, in f64",
  work: ([, shape]) => ({ solution: generators.solveWork(shape![0]!, shape![1]!) }),
  build: ({ name, buffers, operands: [factors, b], destination, work }, { transposed }) =>
    generators.luSolveKernel(name, buffers, [factors!, b!], transposed, work.solution!, destination),
});
