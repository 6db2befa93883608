// What is known of values before a graph runs: small tensors of integers that are computed from constants and sizes alone.
import type { Nd, Operator, ResultTypes } from "../operators/index.ts";
import { type Dimension, isKnownSize } from "./dimension.ts";
import type { Value } from "./graph.ts";
import {
  arrayFrom,
  countOf,
  type Fact,
  isInteger,
  type Known,
  newArray,
  numberIn,
  type TensorType,
  type TypedArray,
} from "./tensor-type.ts";

/** Larger tensors are no shapes, and not looked into. */
const mostKnown = 64;

/** The type of a value, and its elements where they are known. */
export const factOf = ({ type, known }: Value): Fact => (known ? { ...type, known } : type);

/** The elements of a constant, where they may be asked for. */
export function knownIn({ dtype }: TensorType, data: TypedArray): Known | undefined {
  if (!isInteger(dtype) || data.length > mostKnown) return undefined;
  const numbers = Array.from(data as Iterable<number | bigint>, (each) => Number(numberIn(dtype, each)));
  return numbers.every(Number.isSafeInteger) ? numbers : undefined;
}

/** A value that is a constant. */
export function constantValueOf(type: TensorType, data: TypedArray): Value {
  const known = knownIn(type, data);
  return { type, ...(known ? { known } : {}) };
}

/** Stand-ins for sizes that have names, while elements are moved; no number of anybody's. */
const standIn = (at: number): bigint => -(2n ** 62n) - BigInt(at);

/** The elements of an operator's results as far as they are known, from what is known of its operands. */
export function knownResults(
  operator: Operator,
  attributes: unknown,
  operands: readonly Fact[],
  types: ResultTypes,
): readonly (Known | undefined)[] {
  const own = operator.known?.(operands, attributes);
  if (own) return [own];
  const [type, ...others] = types;
  const { kind } = operator.lowering;
  const isSmall = type.shape.every(isKnownSize) && countOf(type.shape) <= mostKnown && isInteger(type.dtype);
  const runs = kind !== "control" && kind !== "interpreted" && others.length === 0;
  if (
    !isSmall ||
    !runs ||
    !operands.every(({ known, dtype, shape }) => known && isInteger(dtype) && shape.every(isKnownSize))
  )
    return [];
  const names = operands.flatMap(({ known }) => known!.filter((each) => !isKnownSize(each)));
  // Only what moves elements, those of its first operand or of all alike, leaves names as they are.
  const movesNames =
    operator.moves && (kind === "concat" || operands.slice(1).every(({ known }) => known!.every(isKnownSize)));
  if (names.length > 0 && !movesNames) return [];
  const moved = names.length > 0;
  const numberOf = (each: Dimension): number | bigint => (isKnownSize(each) ? each : standIn(names.indexOf(each)));
  const nds = operands.map(({ dtype, shape, known }): Nd => {
    const as = moved ? "i64" : dtype;
    return { dtype: as, shape: shape as readonly number[], data: arrayFrom(as, known!.map(numberOf)) };
  });
  const dtype = moved ? "i64" : type.dtype;
  const result: Nd = {
    dtype,
    shape: type.shape as readonly number[],
    data: newArray(dtype, countOf(type.shape as number[])),
  };
  operator.evaluate(nds, attributes, result);
  if (!moved) return [knownIn(type, result.data)];
  return [
    Array.from(
      result.data as BigInt64Array,
      (each): Dimension => (each <= standIn(0) ? names[Number(standIn(0) - each)]! : Number(each)),
    ),
  ];
}
