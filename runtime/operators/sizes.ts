// Sizes that are known at run time: how many elements a dimension has, and the way to such a dimension and back.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { type BoundedDimension, type Dimension, isBounded, isDimension, mayBeBounded } from "../graph/dimension.ts";
import { holds, rangeText } from "../graph/numbers.ts";
import { isScalar, showDimension, showTensorType, sizeOf, stored } from "../graph/tensor-type.ts";
import { axesAttribute, axisAttribute } from "./axis.ts";
import { atMaximum, boundedAlong } from "./bounded.ts";
import { copyBox, wholeNumber } from "./indexing.ts";
import { anyNumber, type Operator, operandError, operator } from "./operator.ts";

/** How many elements x has along `axis`. → one i64. Exact. */
export const size: Operator<{ readonly axis: number }> = operator({
  name: "size",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 0,
  infer: () => ({ dtype: "i64", shape: [] }),
  evaluate([x], { axis }, { data }) {
    data[0] = BigInt(x!.shape[axis]!);
  },
  known([x], { axis }) {
    const elements = x!.shape[axis]!;
    return mayBeBounded(elements) ? undefined : [elements];
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose: ([x], { axis }, builder) => wholeNumber(builder, sizeOf(x!.type.shape[axis]!), "size"),
  },
});

/** x with its bounded dimensions among `axes` as large as they may be, and `value` behind what there is. Exact. */
export const toMaximum: Operator<{ readonly axes: readonly number[]; readonly value: number }> = operator({
  name: "toMaximum",
  attributes: z.strictObject({ axes: axesAttribute(), value: anyNumber }),
  errorUlp: 0,
  moves: true,
  infer([x], { axes, value }) {
    if (!holds(x!.dtype, value))
      throw operandError("number", `toMaximum of ${showTensorType(x!)} with ${value}`, rangeText(x!.dtype));
    const shape = x!.shape.map((each, d) => (axes.includes(d) && isBounded(each) ? each.max : each));
    return { dtype: x!.dtype, shape };
  },
  evaluate([x], { value }, { data, shape, dtype }) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value));
    else data.fill(value === 0 ? 0 : stored(dtype, value));
    copyBox(x!.shape, { data: x!.data }, { data, strides: generators.rowMajor(shape) });
  },
  bounded: () => atMaximum,
  lowering: { kind: "composite", decompose: ([x]) => x! },
});

const inFrontAttributes = z.strictObject({ size: z.int().min(1), followers: z.int().min(0) });

/**
 * Whether places lie in front of a count: true for the first of [size, 1, …, 1], as many as the operand, one i64, says, and false
 * behind. So many dimensions of size 1 follow as there are `followers`. → bool. Exact.
 */
export const inFront: Operator<z.infer<typeof inFrontAttributes>> = operator({
  name: "inFront",
  attributes: inFrontAttributes,
  errorUlp: 0,
  infer([count], { size: places, followers }) {
    if (!isScalar(count!, "i64"))
      throw operandError("shape", `inFront of ${showTensorType(count!)}`, "the count is one i64");
    return { dtype: "bool", shape: [places, ...new Array<number>(followers).fill(1)] };
  },
  evaluate([count], _, { data }) {
    for (let at = 0; at < data.length; at++) data[at] = Number(at < Number(count!.data[0]));
  },
  lowering: {
    kind: "source",
    inMemory: [0],
    source: ([count], { size: places }, shape) => generators.inFront(count!, places, shape),
  },
});

/** A dimension of which the maximum is known. */
export const boundedDimension = z.custom<BoundedDimension>(
  (given) =>
    typeof given === "object" && isDimension(given as BoundedDimension) && isBounded(given as BoundedDimension),
);

/** What a dimension is: the size 0 where there is nothing to choose from. */
export const chosenSize = (dimension: BoundedDimension): Dimension => (dimension.max === 0 ? 0 : dimension);

/**
 * The first elements of x along `axis`, as many as the second operand says, an i64; and that count. Exact.
 *
 * `dimension` is the dimension that this makes, its maximum the size of x there. More elements than that, or less than none, are
 * a fault of the step, unless `within` says that there never are.
 */
export const truncate = operator({
  name: "truncate",
  attributes: z.strictObject({ axis: axisAttribute(), dimension: boundedDimension, within: z.boolean() }),
  errorUlp: 0,
  moves: true,
  infer([x, count], { axis, dimension }) {
    const what = `truncate of ${showTensorType(x!)} to ${showTensorType(count!)}`;
    if (!isScalar(count!, "i64")) throw operandError("shape", what, "the count is one i64");
    if (x!.shape[axis] !== dimension.max)
      throw operandError("bounded", `${what}: dimension ${axis} is not ${showDimension(dimension)} at its maximum`);
    return [{ dtype: x!.dtype, shape: x!.shape.with(axis, chosenSize(dimension)) }, count!];
  },
  count: ([, count]) => Number(count!.data[0]),
  evaluate([x, count], _, first, second) {
    copyBox(first.shape, { data: x!.data, strides: generators.rowMajor(x!.shape) }, { data: first.data });
    second!.data[0] = count!.data[0]!;
  },
  bounded: ([x], { axis }) => (boundedAlong(x!, [axis]) ? undefined : atMaximum),
  lowering: { kind: "interpreted", why: "it is computed at its maximum before" },
});
