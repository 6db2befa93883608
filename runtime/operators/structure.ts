// Operators that rearrange elements without computing: reshape, transpose, broadcast, slice, pad, concatenate, count.
import { z } from "zod";
import { dtypes, generators } from "../../kernels/index.ts";
import { holds, rangeText } from "../numbers.ts";
import {
  broadcastShapes,
  countOf,
  type Dimension,
  sameShape,
  showShape,
  showTensorType,
  staticShape,
  type TensorType,
} from "../tensor-type.ts";
import { axisAttribute, orderAttribute, perDimension, rangeEnds, rangeStarts } from "./axis.ts";
import { indexer, ravel, unravel } from "./indexing.ts";
import { anyNumber, type Nd, operandError, operator } from "./operator.ts";

const size = z.int().min(0);
const sizes = z.array(size).readonly();

/** Fills `result` by asking for the operand's position of each of its own. */
function rearrange(operand: Nd, result: Nd, from: (position: number) => number): void {
  for (let i = 0; i < result.data.length; i++) result.data[i] = operand.data[from(i)]!;
}

/** The same elements in row-major order under another shape. */
export const reshape = operator({
  name: "reshape",
  attributes: z.strictObject({ shape: sizes }),
  errorUlp: 0,
  infer([x], { shape }) {
    const count = countOf(staticShape(x!.shape));
    if (countOf(shape) !== count) {
      throw operandError(
        "shape",
        `reshape of ${showTensorType(x!)} to ${showShape(shape)}: ${count} elements do not fill ${countOf(shape)} places`,
      );
    }
    return { dtype: x!.dtype, shape };
  },
  evaluate: ([x], _, result) => rearrange(x!, result, (i) => i),
  lowering: { kind: "reshape" },
});

/** Dimension d of the result is dimension axes[d] of x. */
export const transpose = operator({
  name: "transpose",
  attributes: z.strictObject({ axes: orderAttribute() }),
  errorUlp: 0,
  infer: ([x], { axes }) => ({ dtype: x!.dtype, shape: axes.map((d) => x!.shape[d]!) }),
  evaluate: ([x], { axes }, result) =>
    rearrange(x!, result, (i) => {
      const inner: number[] = [];
      unravel(i, result.shape).forEach((each, d) => {
        inner[axes[d]!] = each;
      });
      return ravel(inner, x!.shape);
    }),
  lowering: { kind: "source", inMemory: [], source: ([x], { axes }) => generators.permuted(x!, axes) },
});

/** x repeated to a larger shape (NumPy's rule). */
export const broadcastTo = operator({
  name: "broadcastTo",
  attributes: z.strictObject({ shape: sizes }),
  errorUlp: 0,
  infer([x], { shape }) {
    const joined = broadcastShapes(x!.shape, shape);
    if (!joined || !sameShape(joined, shape))
      throw operandError("shape", `${showTensorType(x!)} does not broadcast to ${showShape(shape)}`);
    return { dtype: x!.dtype, shape };
  },
  evaluate: ([x], _, result) => rearrange(x!, result, indexer(x!.shape, result.shape)),
  lowering: { kind: "source", inMemory: [], source: ([x], _, shape) => generators.broadcasted(x!, shape) },
});

/** x[starts : ends : steps], one triple per dimension; starts and ends count from the end where negative, and are cut to the dimension. */
export const slice = operator({
  name: "slice",
  attributes: z.strictObject({ starts: rangeStarts(), ends: rangeEnds(), steps: perDimension(1) }),
  errorUlp: 0,
  infer([x], { starts, ends, steps }) {
    return { dtype: x!.dtype, shape: starts.map((start, d) => Math.ceil((ends[d]! - start) / steps[d]!)) };
  },
  evaluate: ([x], { starts, steps }, result) =>
    rearrange(x!, result, (i) =>
      ravel(
        unravel(i, result.shape).map((each, d) => starts[d]! + each * steps[d]!),
        x!.shape,
      ),
    ),
  lowering: {
    kind: "source",
    inMemory: [],
    source: ([x], { starts, steps }, shape) => generators.sliced(x!, starts, steps, shape),
  },
});

/** x with `before` and `after` elements of `value` added along each dimension. */
export const pad = operator({
  name: "pad",
  attributes: z.strictObject({ before: perDimension(0), after: perDimension(0), value: anyNumber }),
  errorUlp: 0,
  infer([x], { before, after, value }) {
    const shape = staticShape(x!.shape);
    if (!holds(x!.dtype, value))
      throw operandError("pad-value", `pad of ${showTensorType(x!)} with ${value}`, rangeText(x!.dtype));
    return { dtype: x!.dtype, shape: shape.map((length, d) => length + before[d]! + after[d]!) };
  },
  evaluate([x], { before, value }, { data, shape }) {
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    for (let i = 0; i < data.length; i++) {
      const inner = unravel(i, shape).map((each, d) => each - before[d]!);
      if (inner.every((each, d) => each >= 0 && each < x!.shape[d]!)) data[i] = x!.data[ravel(inner, x!.shape)]!;
      else if (big) data[i] = BigInt(value);
      else data[i] = value;
    }
  },
  lowering: { kind: "pad" },
});

/** Operands one after the other along `axis`. */
export const concat = operator({
  name: "concat",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 0,
  infer(operands, { axis }) {
    const [first] = operands as [TensorType];
    const total = operands.reduce((sum, { dtype, shape }) => {
      const fits =
        dtype === first.dtype &&
        shape.length === first.shape.length &&
        shape.every((each, d) => d === axis || each === first.shape[d]);
      if (!fits) {
        throw operandError(
          "shape",
          `concat of ${operands.map(showTensorType).join(", ")} along ${axis}: all but that dimension must agree`,
        );
      }
      return sum + staticShape(shape)[axis]!;
    }, 0);
    return { dtype: first.dtype, shape: first.shape.map((each, d): Dimension => (d === axis ? total : each)) };
  },
  evaluate(operands, { axis }, result) {
    let start = 0;
    for (const each of operands) {
      for (let i = 0; i < each.data.length; i++) {
        const index = unravel(i, each.shape);
        index[axis]! += start;
        result.data[ravel(index, result.shape)] = each.data[i]!;
      }
      start += each.shape[axis]!;
    }
  },
  lowering: { kind: "concat" },
});

/** 0, 1, 2, … along `axis` of a tensor. */
export const iota = operator({
  name: "iota",
  attributes: z.strictObject({ dtype: z.enum(dtypes).exclude(["bool"]), shape: sizes, axis: axisAttribute("shape") }),
  errorUlp: 0,
  infer(_, { dtype, shape, axis }) {
    if (shape[axis]! > 0 && !holds(dtype, shape[axis]! - 1))
      throw operandError("number", `iota of ${dtype}${showShape(shape)} along ${axis}`, rangeText(dtype));
    return { dtype, shape };
  },
  evaluate(_, { axis }, { data, shape }) {
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    for (let i = 0; i < data.length; i++) {
      const value = unravel(i, shape)[axis] ?? 0;
      if (big) data[i] = BigInt(value);
      else data[i] = value;
    }
  },
  lowering: {
    kind: "source",
    inMemory: [],
    source: (_, { dtype, axis }, shape) => generators.counting(dtype, shape, axis),
  },
});
