// Generated cases of operators whose results have as many elements as the values say.
import fc from "fast-check";
import { bounded, countOf } from "../../graph/tensor-type.ts";
import type { boundedOperators } from "../../operators/index.ts";
import { anyDtype, filledShape, numbers, type OperatorCase, rearranged, size } from "./shapes.ts";

const every = (dtypes: typeof anyDtype | typeof numbers): fc.Arbitrary<OperatorCase> =>
  fc.tuple(dtypes, filledShape).map(([dtype, of]) => ({
    operands: [{ dtype, shape: of }],
    attributes: { dimension: bounded("n", countOf(of)) },
  }));

/** How the cases of each are made: a new one is missed by the compiler until it has a line here. */
export const boundedCases: { readonly [name in keyof typeof boundedOperators]: fc.Arbitrary<OperatorCase> } = {
  truncate: rearranged((of) =>
    fc.nat(of.length - 1).map((axis) => ({ axis, dimension: bounded("n", of[axis]!), within: false })),
  ).map(({ operands, attributes }) => ({ operands: [...operands, { dtype: "i64", shape: [] }], attributes })),
  nonzero: every(anyDtype),
  compress: rearranged((of) => fc.nat(of.length - 1).map((axis) => ({ axis, dimension: bounded("n", of[axis]!) }))).map(
    ({ operands: [x], attributes }) => {
      const { axis } = attributes as { readonly axis: number };
      return { operands: [x!, { dtype: "bool", shape: [x!.shape[axis]!] }], attributes };
    },
  ),
  unique: every(numbers),
  nonMaxSuppression: fc
    .record({
      dtype: fc.constantFrom("f32", "f64"),
      n: size,
      iouThreshold: fc.constantFrom(0, 0.3, 0.5, 1),
      scoreThreshold: fc.constantFrom(undefined, 0, 2.5),
      limit: fc.constantFrom(undefined, 1, 3),
      isGiven: fc.boolean(),
    })
    .map(({ dtype, n, iouThreshold, scoreThreshold, limit, isGiven }) => ({
      operands: [{ dtype, shape: [n, 4] }, { dtype, shape: [n] }, ...(isGiven ? [{ dtype, shape: [] }] : [])],
      attributes: {
        ...(isGiven ? {} : { iouThreshold }),
        ...(scoreThreshold === undefined ? {} : { scoreThreshold }),
        ...(limit === undefined ? {} : { limit }),
        dimension: bounded("n", Math.min(n, limit ?? n)),
      },
    })),
};
