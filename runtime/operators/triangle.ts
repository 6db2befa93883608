// Triangles of matrices: what lies on and below a diagonal, or on and above it.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, countOf, showTensorType, staticShape, stored } from "../graph/tensor-type.ts";
import { unlessAlong } from "./bounded.ts";
import { cast, greaterEqual, lessEqual, sub, where } from "./elementwise.ts";
import { arePositions } from "./gather.ts";
import { wholeNumber } from "./indexing.ts";
import { type Builder, type Operator, operandError, operator } from "./operator.ts";
import { iota, reshape } from "./structure.ts";

const attributes = z.strictObject({
  /** How far the diagonal lies above the main one, where that is no operand. */
  k: z.int().default(0),
});
type Attributes = z.infer<typeof attributes>;

/** The diagonal, from its attribute or its operand. */
const diagonalIn = (k: Value | undefined, given: Attributes, builder: Builder): Value =>
  k
    ? builder.apply(reshape, [builder.apply(cast, [k], { dtype: "i64" })], { shape: [] })
    : wholeNumber(builder, given.k);

const triangle = (
  name: string,
  keeps: (distance: bigint, k: bigint) => boolean,
  compare: Operator,
): Operator<Attributes> =>
  operator({
    name,
    attributes,
    errorUlp: 0,
    moves: true,
    infer([x, k]) {
      if (x!.shape.length < 2)
        throw operandError("shape", `${name} of ${showTensorType(x!)}`, "the operand is a matrix, or matrices […,m,n]");
      if (k && (!arePositions(k) || countOf(staticShape(k.shape)) !== 1))
        throw operandError(
          "shape",
          `${name} of ${showTensorType(x!)} at the diagonal ${showTensorType(k)}`,
          "the diagonal is one integer (not u64)",
        );
      return { dtype: x!.dtype, shape: x!.shape };
    },
    evaluate([x, k], given, { data, dtype, shape }) {
      // What 0 is in a dtype that has none.
      const zero = typeof data[0] === "bigint" ? 0n : stored(dtype, 0);
      const [rows, columns] = shape.slice(-2) as [number, number];
      const diagonal = BigInt(k ? k.data[0]! : given.k);
      for (let i = 0; i < data.length; i++) {
        const row = Math.floor(i / columns) % rows;
        if (keeps(BigInt((i % columns) - row), diagonal)) data[i] = x!.data[i]!;
        else data[i] = zero as never;
      }
    },
    bounded: (operands) =>
      unlessAlong(
        operands,
        [-2, -1].map((d) => d + operands[0]!.shape.length),
      ),
    lowering: {
      kind: "composite",
      decompose([x, k], given, builder) {
        const { dtype } = x!.type;
        const [rows, columns] = staticShape(x!.type.shape).slice(-2) as [number, number];
        const along = (shape: readonly number[], axis: number) =>
          builder.apply(iota, [], { dtype: "i64", shape, axis });
        const distance = builder.apply(sub, [along([1, columns], 1), along([rows, 1], 0)]);
        const kept = builder.apply(compare, [distance, diagonalIn(k, given, builder)]);
        return builder.apply(where, [kept, x!, builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [0]))]);
      },
    },
  });

/**
 * The matrices x[…,m,n] with zeros above their k-th diagonal, which is above the main one where k is positive.
 *
 * k is an attribute, or a second operand: one integer. x: any dtype. Exact.
 */
export const tril = triangle("tril", (distance, k) => distance <= k, lessEqual);

/** The matrices x[…,m,n] with zeros below their k-th diagonal, else as `tril`. */
export const triu = triangle("triu", (distance, k) => distance >= k, greaterEqual);
