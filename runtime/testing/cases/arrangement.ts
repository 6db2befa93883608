// Generated cases of what rearranges elements, and of positions over several dimensions.
import fc from "fast-check";
import {
  anyDtype,
  filledShape,
  integers,
  type OperatorCase,
  perDimension,
  positions,
  rearranged,
  shape,
  small,
} from "./shapes.ts";

const someAxes = (of: readonly number[]) => fc.subarray(of.map((_, d) => d));

/** Positions in the first dimensions of a tensor, and how many of them. */
const multiIndex = fc
  .tuple(anyDtype, filledShape, positions, shape)
  .chain(([dtype, of, at, outer]) =>
    fc.integer({ min: 1, max: of.length }).map((depth) => ({ dtype, of, at, outer, depth })),
  );

/** Matrices, and a diagonal as an attribute or an operand. */
const triangle = fc
  .record({
    dtype: anyDtype,
    batch: fc.constantFrom([], [2]),
    rows: fc.constantFrom(1, 4, 17),
    columns: fc.constantFrom(1, 5, 16),
    k: fc.integer({ min: -6, max: 6 }),
    given: fc.constantFrom(undefined, undefined, ...(["i64", "u8"] as const)),
  })
  .map(({ dtype, batch, rows, columns, k, given }): OperatorCase => {
    const matrix = { dtype, shape: [...batch, rows, columns] };
    if (!given) return { operands: [matrix], attributes: { k } };
    return { operands: [matrix, { dtype: given, shape: k % 2 === 0 ? [] : [1] }], attributes: {} };
  });

export const arrangementCases = {
  tril: triangle,
  triu: triangle,
  flip: rearranged((of) => someAxes(of).map((axes) => ({ axes }))),
  roll: rearranged((of) =>
    someAxes(of).chain((axes) =>
      fc
        .array(fc.integer({ min: -20, max: 20 }), { minLength: axes.length, maxLength: axes.length })
        .map((shifts) => ({ shifts, axes })),
    ),
  ),
  tile: rearranged((of) => perDimension(of, () => fc.constantFrom(1, 1, 2, 3)).map((repeats) => ({ repeats }))),
  /** In two or three parts, of which the outer ones may be empty. */
  split: rearranged((of) =>
    fc.nat(of.length - 1).chain((axis) =>
      fc.tuple(fc.nat(of[axis]!), fc.nat(of[axis]!)).map(([a, b]) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        return { axis, sizes: [from, ...(from === to ? [] : [to - from]), of[axis]! - to] };
      }),
    ),
  ),
  padCopies: rearranged((of) =>
    fc
      .tuple(
        perDimension(of, () => fc.nat(3)),
        perDimension(of, () => fc.nat(3)),
        fc.constantFrom("reflect", "replicate", "circular"),
      )
      .map(([before, after, mode]) => ({ before, after, mode })),
  ),
  oneHot: fc.tuple(integers, shape, fc.constantFrom(1, 3, 16), anyDtype).map(
    ([dtype, of, count, result]): OperatorCase => ({
      operands: [{ dtype, shape: of }],
      attributes: { count, dtype: result },
    }),
  ),
  gatherND: fc.tuple(multiIndex, fc.array(small, { maxLength: 2 })).map(
    ([{ dtype, of, at, outer, depth }, batch]): OperatorCase => ({
      operands: [
        { dtype, shape: [...batch, ...of] },
        { dtype: at, shape: [...batch, ...outer, depth] },
      ],
      attributes: { batchDims: batch.length },
    }),
  ),
  scatterND: fc.tuple(multiIndex, small, fc.constantFrom("set", "add", "max", "min")).map(
    ([{ dtype, of, at, depth }, rows, mode]): OperatorCase => ({
      operands: [
        { dtype, shape: of },
        { dtype: at, shape: [rows, 2, depth] },
        { dtype, shape: [rows, 2, ...of.slice(depth)] },
      ],
      attributes: { mode: dtype === "bool" ? "set" : mode },
    }),
  ),
};
