// Operators that rearrange elements without computing: reshape, permute, broadcast, slice, pad, concatenate, count.
import { z } from "zod";
import { dtypes, generators } from "../../kernels/index.ts";
import { isKnownSize, isSymbol, mayBeBounded, mostOf, quotientOf } from "../graph/dimension.ts";
import type { Results, Value } from "../graph/graph.ts";
import { holds, rangeText } from "../graph/numbers.ts";
import {
  broadcastShapes,
  countOf,
  type Dimension,
  type Shape,
  sameDimension,
  sameShape,
  showShape,
  showTensorType,
  sizeOf,
  stored,
  sumOf,
  type TensorType,
} from "../graph/tensor-type.ts";
import { axisAttribute, orderAttribute, perDimension, rangeEnds, rangeStarts, toTheEnd } from "./axis.ts";
import { atMaximum, boundedAlong, unlessAlong, widened } from "./bounded.ts";
import { add, greaterEqual, sub, where } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { copyBox, ravel, wholeNumber } from "./indexing.ts";
import {
  anyNumber,
  type Builder,
  dimension,
  type Operator,
  operandError,
  operator,
  type ResultTypes,
} from "./operator.ts";
import { size, toMaximum, truncate } from "./sizes.ts";

const { rowMajor } = generators;
const sizes = z.array(dimension).readonly();

/** Whether two shapes have equally many elements, whatever the sizes are that are not known yet. */
const sameCount = (a: Shape, b: Shape): boolean =>
  a.every(isKnownSize) && b.every(isKnownSize) ? countOf(a) === countOf(b) : quotientOf(a, b) === 1;

/** The same elements in row-major order under another shape. */
export const reshape = operator({
  name: "reshape",
  attributes: z.strictObject({ shape: sizes }),
  errorUlp: 0,
  moves: true,
  infer([x], { shape }) {
    if (sameCount(x!.shape, shape)) return { dtype: x!.dtype, shape };
    const isKnown = [...x!.shape, ...shape].every(isKnownSize);
    const what = `reshape of ${showTensorType(x!)} to ${showShape(shape)}`;
    throw operandError(
      "shape",
      isKnown
        ? `${what}: ${countOf(x!.shape as number[])} elements do not fill ${countOf(shape as number[])} places`
        : `${what}: these are not the same elements whatever the sizes are`,
      "name the same dimensions, or leave one size to be found: [n, -1]",
    );
  },
  evaluate: ([x], _, { data }) => copyBox([data.length], { data: x!.data }, { data }),
  axes: {
    /** The one of the same size that has as many elements in front of it: its own place, where that is one. */
    kept(axis, [x], { shape }) {
      const inFront = (of: Shape, d: number) => countOf(of.slice(0, d).map(sizeOf));
      const stays = (size: Dimension | undefined, d: number) =>
        size !== undefined && sameDimension(size, x!.shape[axis]!) && inFront(shape, d) === inFront(x!.shape, axis);
      if (stays(shape[axis], axis)) return axis;
      const to = shape.findIndex(stays);
      return to < 0 ? undefined : to;
    },
    blocked: ({ shape }, { to, blocks, elements }) => ({ shape: [...shape.with(to, blocks), elements] }),
  },
  bounded: ([x], { shape }) => (keepsBounds(x!.shape, shape) ? atMaximum : undefined),
  lowering: { kind: "reshape" },
});

/** Dimension d of the result is dimension axes[d] of x. */
export const permute = operator({
  name: "permute",
  attributes: z.strictObject({ axes: orderAttribute() }),
  errorUlp: 0,
  moves: true,
  infer: ([x], { axes }) => ({ dtype: x!.dtype, shape: axes.map((d) => x!.shape[d]!) }),
  evaluate([x], { axes }, { shape, data }) {
    const strides = rowMajor(x!.shape);
    copyBox(shape, { data: x!.data, strides: axes.map((axis) => strides[axis]!) }, { data });
  },
  axes: {
    kept: (axis, _, { axes }) => axes.indexOf(axis),
    blocked: ({ axes }) => ({ axes: [...axes, axes.length] }),
  },
  bounded: () => atMaximum,
  lowering: { kind: "source", inMemory: [], source: ([x], { axes }) => generators.permuted(x!, axes) },
});

/** x repeated to a larger shape (NumPy's rule). */
export const broadcastTo = operator({
  name: "broadcastTo",
  attributes: z.strictObject({ shape: sizes }),
  errorUlp: 0,
  moves: true,
  infer([x], { shape }) {
    const joined = broadcastShapes(x!.shape, shape);
    if (!joined || !sameShape(joined, shape))
      throw operandError("shape", `${showTensorType(x!)} does not broadcast to ${showShape(shape)}`);
    return { dtype: x!.dtype, shape };
  },
  evaluate([x], _, { shape, data }) {
    const [inner, leading] = [rowMajor(x!.shape), shape.length - x!.shape.length];
    const strides = shape.map((_, d) => ((x!.shape[d - leading] ?? 1) === 1 ? 0 : inner[d - leading]!));
    copyBox(shape, { data: x!.data, strides }, { data });
  },
  axes: {
    kept(axis, [x], { shape }) {
      const to = axis + shape.length - x!.shape.length;
      return sameDimension(shape[to]!, x!.shape[axis]!) ? to : undefined;
    },
    blocked: ({ shape }, { to, blocks, elements }) => ({ shape: [...shape.with(to, blocks), elements] }),
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "source",
    inMemory: [],
    repeats: true,
    source: ([x], _, shape) => generators.broadcasted(x!, shape),
  },
});

/** x[starts : ends : steps], one triple per dimension; starts and ends count from the end where negative, and are cut to the dimension. */
export const slice = operator({
  name: "slice",
  attributes: z.strictObject({ starts: rangeStarts(), ends: rangeEnds(), steps: perDimension(1) }),
  errorUlp: 0,
  moves: true,
  infer([x], { starts, ends, steps }) {
    const shape = starts.map((start, d) => {
      const size = x!.shape[d]!;
      const isWhole = start === 0 && ends[d] === toTheEnd && steps[d] === 1;
      return isWhole ? size : Math.ceil(((ends[d] === toTheEnd ? sizeOf(size) : ends[d]!) - start) / steps[d]!);
    });
    return { dtype: x!.dtype, shape };
  },
  evaluate([x], { starts, steps }, { shape, data }) {
    const strides = rowMajor(x!.shape).map((stride, d) => stride * steps[d]!);
    copyBox(shape, { data: x!.data, offset: ravel(starts, x!.shape), strides }, { data });
  },
  axes: {
    kept: (axis, [x], { starts, ends, steps }) =>
      starts[axis] === 0 && steps[axis] === 1 && ends[axis]! >= sizeOf(x!.shape[axis]!) ? axis : undefined,
    blocked: ({ starts, ends, steps }, { axis, blocks, elements }) => ({
      starts: [...starts, 0],
      ends: [...ends.with(axis, blocks), elements],
      steps: [...steps, 1],
    }),
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "source",
    inMemory: [],
    part: (attributes) => attributes,
    source: ([x], { starts, steps }, shape) => generators.sliced(x!, starts, steps, shape),
  },
});

/** x in parts along `axis`, one after the other, of the sizes given, which are that dimension's together. */
export const split = operator({
  name: "split",
  attributes: z.strictObject({ axis: axisAttribute(), sizes: z.array(z.int().min(0)).min(1).readonly() }),
  errorUlp: 0,
  moves: true,
  infer([x], { axis, sizes }) {
    const whole = sizeOf(x!.shape[axis]!);
    if (sizes.reduce((a, b) => a + b, 0) !== whole)
      throw operandError(
        "ranges",
        `split of ${showTensorType(x!)} into ${showShape(sizes)} along dimension ${axis}`,
        `give one size from 1 on, or sizes that are ${whole} together`,
      );
    const part = (length: number): TensorType => ({
      dtype: x!.dtype,
      shape: x!.shape.map((each, d) => (d === axis ? length : each)),
    });
    return sizes.map(part) as unknown as ResultTypes;
  },
  evaluate([x], { axis }, ...parts) {
    const strides = rowMajor(x!.shape);
    let start = 0;
    for (const { data, shape } of parts) {
      copyBox(shape, { data: x!.data, offset: start * strides[axis]!, strides }, { data });
      start += shape[axis]!;
    }
  },
  bounded: (operands, { axis }) => unlessAlong(operands, [axis]),
  lowering: {
    kind: "composite",
    decompose([x], { axis, sizes }, builder) {
      const { shape } = x!.type;
      let start = 0;
      return sizes.map((length) => {
        const from = start;
        start += length;
        return builder.apply(slice, [x!], {
          starts: shape.map((_, d) => (d === axis ? from : 0)),
          ends: shape.map((_, d) => (d === axis ? start : toTheEnd)),
          steps: shape.map(() => 1),
        });
      }) as unknown as Results;
    },
  },
});

/** x with `before` and `after` elements of `value` added along each dimension. */
export const pad = operator({
  name: "pad",
  attributes: z.strictObject({ before: perDimension(0), after: perDimension(0), value: anyNumber }),
  errorUlp: 0,
  moves: true,
  infer([x], { before, after, value }) {
    if (!holds(x!.dtype, value))
      throw operandError("pad-value", `pad of ${showTensorType(x!)} with ${value}`, rangeText(x!.dtype));
    return { dtype: x!.dtype, shape: x!.shape.map((length, d) => sumOf([before[d]!, length, after[d]!])) };
  },
  evaluate([x], { before, value }, { data, shape, dtype }) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data.fill(BigInt(value));
    else data.fill(stored(dtype, value));
    copyBox(x!.shape, { data: x!.data }, { data, offset: ravel(before, shape), strides: rowMajor(shape) });
  },
  axes: {
    kept: (axis, _, { before, after }) => (before[axis] === 0 && after[axis] === 0 ? axis : undefined),
    blocked: ({ before, after, value }) => ({ before: [...before, 0], after: [...after, 0], value }),
  },
  bounded: (operands, { before, after }) => unlessAlong(operands, widened(before, after)),
  lowering: { kind: "pad", border: (attributes) => attributes },
});

/** Operands one after the other along `axis`. */
export const concat = operator({
  name: "concat",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 0,
  moves: true,
  infer(operands, { axis }) {
    const [first] = operands as [TensorType];
    const lengths = operands.map(({ dtype, shape }) => {
      const fits =
        dtype === first.dtype &&
        shape.length === first.shape.length &&
        shape.every((each, d) => d === axis || sameDimension(each, first.shape[d]!));
      if (!fits) {
        throw operandError(
          "shape",
          `concat of ${operands.map(showTensorType).join(", ")} along ${axis}: all but that dimension must agree`,
        );
      }
      return shape[axis]!;
    });
    return { dtype: first.dtype, shape: first.shape.with(axis, sumOf(lengths)) };
  },
  evaluate(operands, { axis }, result) {
    let start = 0;
    for (const each of operands) {
      const strides = rowMajor(result.shape);
      copyBox(each.shape, { data: each.data }, { data: result.data, offset: start * strides[axis]!, strides });
      start += each.shape[axis]!;
    }
  },
  bounded: (operands, { axis }) =>
    operands.some((each) => boundedAlong(each, [axis]))
      ? { kind: "others", decompose: (values, builder) => joined(values, axis, builder) }
      : atMaximum,
  lowering: { kind: "concat", axis: ({ axis }) => axis },
});

/** Whether a reshaping keeps the bounded dimensions in their order, with as many elements between them as there were. */
function keepsBounds(from: Shape, to: Shape): boolean {
  const own = betweenBounds(from);
  const next = betweenBounds(to);
  return (
    sameShape(from.filter(mayBeBounded), to.filter(mayBeBounded)) &&
    own.every((sizes, at) => sameCount(sizes, next[at]!))
  );
}

/** The sizes before, between and behind the bounded dimensions of a shape. */
function betweenBounds(shape: Shape): Dimension[][] {
  const between: Dimension[][] = [[]];
  for (const size of shape) {
    if (mayBeBounded(size)) between.push([]);
    else between.at(-1)!.push(size);
  }
  return between;
}

/** Tensors one after the other along a bounded dimension: at their maximum, and what stands behind counts left out. */
function joined(tensors: readonly Value[], axis: number, builder: Builder): Value {
  const i64 = (used: Operator, ...operands: readonly Value[]) => builder.apply(used, operands);
  const number = (value: number) => wholeNumber(builder, value);
  const parts = tensors.map((x) => builder.apply(toMaximum, [x], { axes: [axis], value: 0 }));
  const all = builder.apply(concat, parts, { axis });
  const dimension = sumOf(tensors.map(({ type }) => type.shape[axis]!));
  const most = sizeOf(all.type.shape[axis]!);
  const places = builder.apply(iota, [], { dtype: "i64", shape: [most], axis: 0 });
  let [start, skipped, before] = [number(0), number(0), 0];
  for (const [at, x] of tensors.slice(0, -1).entries()) {
    start = i64(add, start, builder.apply(size, [x], { axis }));
    before += sizeOf(parts[at]!.type.shape[axis]!);
    skipped = i64(where, i64(greaterEqual, places, start), i64(sub, number(before), start), skipped);
  }
  const values = builder.apply(indexSelect, [all, i64(add, places, skipped)], { axis });
  const count = i64(add, start, builder.apply(size, [tensors.at(-1)!], { axis }));
  return builder.results(truncate, [values, count], { attributes: { axis, dimension, within: true } })[0];
}

/** 0, 1, 2, … along `axis` of a tensor. */
export const iota = operator({
  name: "iota",
  attributes: z.strictObject({ dtype: z.enum(dtypes).exclude(["bool"]), shape: sizes, axis: axisAttribute("shape") }),
  errorUlp: 0,
  infer(_, { dtype, shape, axis }) {
    const length = shape[axis]!;
    const most = isSymbol(length) ? 0 : mostOf(length);
    if (most > 0 && !holds(dtype, most - 1))
      throw operandError("number", `iota of ${dtype}${showShape(shape)} along ${axis}`, rangeText(dtype));
    return { dtype, shape };
  },
  evaluate(_, { axis }, { data, shape }) {
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    const [length, inner] = [shape[axis] ?? 1, rowMajor(shape)[axis] ?? 1];
    for (let i = 0; i < data.length; i++) {
      const value = Math.floor(i / inner) % length;
      if (big) data[i] = BigInt(value);
      else data[i] = value;
    }
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "source",
    inMemory: [],
    source: (_, { dtype, axis }, shape) => generators.counting(dtype, shape, axis),
  },
});
