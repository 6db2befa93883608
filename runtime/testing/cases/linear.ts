// Cases of linear algebra: matrices around the width of vectors, alone and in batches.
import fc from "fast-check";
import type { OperatorCase } from "./shapes.ts";

const wide = fc.constantFrom("f32" as const, "f64" as const);
const batch: fc.Arbitrary<readonly number[]> = fc.constantFrom([], [1], [2, 3]);
const few: fc.Arbitrary<readonly number[]> = fc.constantFrom([], [], [2]);
const size = fc.constantFrom(1, 2, 3, 5, 8, 9, 17);

const square = (attributes: fc.Arbitrary<object>, batches = batch): fc.Arbitrary<OperatorCase> =>
  fc
    .tuple(wide, batches, size, attributes)
    .map(([dtype, of, n, given]) => ({ operands: [{ dtype, shape: [...of, n, n] }], attributes: given }));

const rectangle = (attributes: fc.Arbitrary<object>, isTall = false, batches = batch): fc.Arbitrary<OperatorCase> =>
  fc.tuple(wide, batches, size, size, attributes).map(([dtype, of, m, n, given]) => ({
    operands: [{ dtype, shape: [...of, isTall ? Math.max(m, n) : m, isTall ? Math.min(m, n) : n] }],
    attributes: given,
  }));

/** A right side beside square matrices, which have more columns where they are factors. */
const solution = (more: number, attributes: fc.Arbitrary<object>): fc.Arbitrary<OperatorCase> =>
  fc.tuple(wide, batch, size, size, attributes).map(([dtype, of, n, m, given]) => ({
    operands: [
      { dtype, shape: [...of, n, n + more] },
      { dtype, shape: [...of, n, m] },
    ],
    attributes: given,
  }));

const none = fc.constant({});
const vectors = fc.record({ vectors: fc.boolean() });

export const linearCases = {
  cholesky: square(none),
  lu: rectangle(none),
  luSolve: solution(1, fc.record({ transposed: fc.boolean() })),
  triangularSolve: solution(0, fc.record({ upper: fc.boolean(), unit: fc.boolean() })),
  reflections: rectangle(none),
  reflected: fc.tuple(wide, batch, size, size, size).map(([dtype, of, m, n, columns]) => ({
    operands: [{ dtype, shape: [...of, m + 1, n] }],
    attributes: { columns: Math.min(m, columns) },
  })),
  // They take many steps, each of which is interpreted, and long to compile.
  eig: fc.tuple(wide, fc.constant([2]), fc.constantFrom(1, 4, 9), vectors).map(([dtype, of, n, given]) => ({
    operands: [{ dtype, shape: [...of, n, 2 * n] }],
    attributes: given,
  })),
  eigh: square(vectors, few),
  svd: rectangle(vectors, true, few),
};
