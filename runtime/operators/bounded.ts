// How operators take bounded dimensions, which kernels see at their maximum: what must stand behind the count, and what keeps it.
import { isFloatDtype, isSmallFloat, rangeOfSmall } from "../../kernels/index.ts";
import { mayBeBounded } from "../graph/dimension.ts";
import type { Results, Value } from "../graph/graph.ts";
import { holds, limitsOf } from "../graph/numbers.ts";
import type { TensorType } from "../graph/tensor-type.ts";
import type { Builder } from "./operator.ts";

/** A number that stands behind the count of an operand; undefined where any may. */
export type Behind = number | bigint | undefined;

/** How an operator is computed on operands with bounded dimensions. */
export type Bounded =
  /** On the operands at their maximum, these numbers behind their counts, so that the result in front of its own is right. */
  | { readonly kind: "maximum"; readonly behind: readonly Behind[] }
  /** By other operators, on the operands as they are. */
  | { readonly kind: "others"; decompose(operands: readonly Value[], builder: Builder): Value | Results };

/** At the maximum, whatever stands behind the counts. */
export const atMaximum: Bounded = { kind: "maximum", behind: [] };

/** At the maximum, with numbers behind the counts of the operands. */
export const withBehind = (...behind: readonly Behind[]): Bounded => ({ kind: "maximum", behind });

/** Whether a type has a dimension whose size is known only at run time. */
export const hasBounds = ({ shape }: TensorType): boolean => shape.some(mayBeBounded);

/** Whether some of these dimensions are bounded. */
export const boundedAlong = ({ shape }: TensorType, axes: readonly number[]): boolean =>
  axes.some((axis) => shape[axis] !== undefined && mayBeBounded(shape[axis]));

/** At the maximum where none of these dimensions of the first operand is bounded, and no other operand is. */
export const unlessAlong = ([x, ...others]: readonly TensorType[], axes: readonly number[]): Bounded | undefined =>
  boundedAlong(x!, axes) || others.some(hasBounds) ? undefined : atMaximum;

/** At the maximum where only the first dimension of the first operand is bounded. */
export const onlyBatch = (operands: readonly TensorType[]): Bounded | undefined =>
  unlessAlong(
    operands,
    operands[0]!.shape.map((_, d) => d).filter((d) => d > 0),
  );

/** At the maximum where only rows of the first operand, a matrix or some of them, are bounded. */
export const onlyRows = (operands: readonly TensorType[]): Bounded | undefined =>
  unlessAlong(operands, lastAxes(operands[0]!, 1));

/** The last dimensions of x. */
export const lastAxes = ({ shape }: TensorType, count: number): number[] =>
  shape.map((_, d) => d).slice(shape.length - count);

/** The dimensions that grow. */
export const widened = (before: readonly number[], after: readonly number[]): number[] =>
  before.flatMap((width, d) => (width + after[d]! === 0 ? [] : [d]));

/** The number that changes no extreme of a dtype: less than all others, or greater. */
export const extremeOf = (dtype: TensorType["dtype"], which: "least" | "greatest"): number | bigint => {
  if (!isFloatDtype(dtype)) return limitsOf(dtype)[which === "least" ? 0 : 1];
  if (isSmallFloat(dtype) && !holds(dtype, Infinity)) return rangeOfSmall(dtype)[which === "least" ? 0 : 1];
  return which === "least" ? -Infinity : Infinity;
};

/** At the maximum, with a number behind the counts where one of the dimensions of x is bounded. */
export const neutralAlong = (x: TensorType, axes: readonly number[], neutral: number | bigint): Bounded =>
  boundedAlong(x, axes) ? withBehind(neutral) : atMaximum;
