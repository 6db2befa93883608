// Pooling: the largest or the mean of each window of an image.
import { z } from "zod";
import type { Value } from "../graph.ts";
import { limitsOf } from "../numbers.ts";
import { arrayFrom, countOf, showShape, showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { add, cast, div, kindOf, maximum } from "./elementwise.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, pair } from "./operator.ts";
import { max, sum } from "./reduction.ts";
import { pad, slice } from "./structure.ts";

const widths = z.tuple([z.int().min(0), z.int().min(0)]).readonly();

const windowAttributes = {
  size: pair,
  stride: pair,
  dilation: pair.default([1, 1]),
  /** Rows above and columns to the left that are taken to be there, and those below and to the right. */
  before: widths.default([0, 0]),
  after: widths.default([0, 0]),
  /** Whether a last window that reaches beyond the padding counts, as long as it starts in front of it. */
  ceil: z.boolean().default(false),
};
const maxAttributes = z.strictObject(windowAttributes);
const averageAttributes = z.strictObject({
  ...windowAttributes,
  /** Whether padding counts as zeros, or windows are divided by what they hold of the image. */
  countPadding: z.boolean().default(true),
});
type Window = z.infer<typeof maxAttributes>;
type AverageWindow = z.infer<typeof averageAttributes>;

/** Distance from the first to the last tap of a window. */
const reach = ({ size, dilation }: Window, d: 0 | 1): number => dilation[d] * (size[d] - 1);

function outputSize(length: number, window: Window, d: 0 | 1): number {
  const { stride, before, after } = window;
  const steps = (length + before[d] + after[d] - reach(window, d) - 1) / stride[d];
  if (!window.ceil) return Math.floor(steps) + 1;
  const count = Math.ceil(steps) + 1;
  return (count - 1) * stride[d] >= length + before[d] ? count - 1 : count;
}

/** Images are numbers in [n,c,h,w]. */
export function requireImages(name: string, x: TensorType): void {
  if (x.dtype !== "bool" && x.shape.length === 4) return;
  throw operandError("shape", `${name} of ${showTensorType(x)}`, "the input is [n,c,h,w] of any dtype but bool");
}

function poolType(name: string, x: TensorType, window: Window): TensorType {
  requireImages(name, x);
  const [n, c, h, w] = staticShape(x.shape) as [number, number, number, number];
  for (const d of [0, 1] as const) {
    if (Math.max(window.before[d], window.after[d]) > reach(window, d))
      throw operandError(
        "attributes",
        `${name}: padding of ${showShape(window.before)} and ${showShape(window.after)} holds a whole window of ${showShape(window.size)}`,
        "pad by less than the window is long",
      );
  }
  const out = [outputSize(h, window, 0), outputSize(w, window, 1)];
  if (out.some((length) => length < 1)) {
    throw operandError(
      "shape",
      `${name} of ${showTensorType(x)}: a window of ${showShape(window.size)} is larger than the plane`,
    );
  }
  return { dtype: x.dtype, shape: [n, c, ...out] };
}

/** Taps of a window at which its two dimensions are taken one after the other, so that not all are written out. */
const mostTaps = 36;

/** Combines all places of every window, each a strided slice of x padded with `value`; in row-major order where few. */
function combineWindows(
  x: Value,
  window: Window,
  value: number,
  builder: Builder,
  combine: (a: Value, b: Value) => Value,
): Value {
  const { size, stride, dilation, before } = window;
  const [, , ...out] = staticShape(poolType("pool", x.type, window).shape) as [number, number, number, number];
  const [, , ...plane] = staticShape(x.type.shape) as [number, number, number, number];
  const last = ([0, 1] as const).map((d) => (out[d]! - 1) * stride[d] + reach(window, d) + 1);
  const missing = last.map((end, d) => Math.max(0, end - plane[d]! - before[d]!));
  const padded =
    Math.max(...before, ...missing) === 0
      ? x
      : builder.apply(pad, [x], { before: [0, 0, ...before], after: [0, 0, ...missing], value });
  /** `of` at one tap of every window along one dimension. */
  const tap = (of: Value, d: 0 | 1, at: number): Value => {
    const shape = staticShape(of.type.shape);
    const start = at * dilation[d];
    const along = (whole: (size: number, e: number) => number, here: number) =>
      shape.map((each, e) => (e === d + 2 ? here : whole(each, e)));
    return builder.apply(slice, [of], {
      starts: along(() => 0, start),
      ends: along((each) => each, start + (out[d]! - 1) * stride[d] + 1),
      steps: along(() => 1, stride[d]),
    });
  };
  const taps = (d: 0 | 1) => Array.from({ length: size[d] }, (_, at) => at);
  if (countOf(size) <= mostTaps)
    return taps(0)
      .flatMap((y) => taps(1).map((left) => tap(tap(padded, 0, y), 1, left)))
      .reduce(combine);
  const rows = taps(1)
    .map((left) => tap(padded, 1, left))
    .reduce(combine);
  return taps(0)
    .map((y) => tap(rows, 0, y))
    .reduce(combine);
}

/** Whether one window of many taps covers the plane: then all is reduced at once. */
const isGlobal = (x: Value, { size, dilation, before, after }: Window): boolean =>
  countOf(size) > mostTaps &&
  [...before, ...after].every((width) => width === 0) &&
  dilation.every((each) => each === 1) &&
  size.every((each, d) => each === x.type.shape[d + 2]);

const overPlane = { axes: [2, 3], keepDims: true };

/** The elements of each window that lie in the image, one after the other. */
function windows(x: Nd, window: Window, result: Nd, visit: (to: number, values: (number | bigint)[]) => void): void {
  const { size, stride, dilation, before } = window;
  const [, , height, width] = x.shape as [number, number, number, number];
  for (let i = 0; i < result.data.length; i++) {
    const [n, c, y, left] = unravel(i, result.shape) as [number, number, number, number];
    const values: (number | bigint)[] = [];
    for (let ky = 0; ky < size[0]; ky++)
      for (let kx = 0; kx < size[1]; kx++) {
        const row = y * stride[0] + ky * dilation[0] - before[0];
        const column = left * stride[1] + kx * dilation[1] - before[1];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        values.push(x.data[ravel([n, c, row, column], x.shape)]!);
      }
    visit(i, values);
  }
}

/** The largest of some elements; NaN wins, and of none −∞ or the least integer. */
export const largestOf = (values: readonly (number | bigint)[], dtype: TensorType["dtype"]): number | bigint =>
  values.reduce((a, b) => (Number.isNaN(b) || a < b ? b : a), isFloat(dtype) ? -Infinity : leastOf(dtype));

const isFloat = (dtype: TensorType["dtype"]): boolean => kindOf(dtype) === "float";
/** The least integer of a dtype, as its arrays hold it. */
const leastOf = (dtype: TensorType["dtype"]): number | bigint => {
  const [least] = limitsOf(dtype);
  return dtype === "i64" || dtype === "u64" ? least : Number(least);
};

/**
 * The largest of each window of x[n,c,h,w]; NaN wins, padding never does, −∞ or the least integer where a window is all
 * padding. Numbers. Exact.
 */
export const maxPool = operator({
  name: "maxPool",
  attributes: maxAttributes,
  errorUlp: 0,
  infer: ([x], attributes) => poolType("maxPool", x!, attributes),
  evaluate([x], attributes, result) {
    windows(x!, attributes, result, (to, values) => {
      result.data[to] = largestOf(values, x!.dtype);
    });
  },
  lowering: {
    kind: "composite",
    decompose: ([x], attributes, builder) =>
      isGlobal(x!, attributes)
        ? builder.apply(max, [x!], overPlane)
        : combineWindows(
            x!,
            attributes,
            isFloat(x!.type.dtype) ? -Infinity : Number(leastOf(x!.type.dtype)),
            builder,
            (a, b) => builder.apply(maximum, [a, b]),
          ),
  },
});

/** What each window of a plane is divided by, row by row; at least 1. */
function divisors(plane: readonly number[], out: readonly number[], window: AverageWindow): number[] {
  const counts = ([0, 1] as const).map((d) => {
    const [low, high] = window.countPadding ? [-window.before[d], plane[d]! + window.after[d]] : [0, plane[d]!];
    return Array.from({ length: out[d]! }, (_, at) => {
      const taps = Array.from(
        { length: window.size[d] },
        (_, tap) => at * window.stride[d] - window.before[d] + tap * window.dilation[d],
      );
      return taps.filter((place) => place >= low && place < high).length;
    });
  });
  return counts[0]!.flatMap((rows) => counts[1]!.map((columns) => Math.max(1, rows * columns)));
}

/** The mean of some elements over a count: of floats in float64, of integers by a sum in i64, which wraps, towards zero. */
export function meanOf(
  values: readonly (number | bigint)[],
  count: number,
  dtype: TensorType["dtype"],
): number | bigint {
  if (isFloat(dtype)) return values.reduce<number>((a, b) => a + Number(b), 0) / count;
  const sum = values.reduce<bigint>((a, b) => a + BigInt(b), 0n);
  const mean = BigInt.asIntN(64, sum) / BigInt(count);
  return dtype === "i64" || dtype === "u64" ? mean : Number(mean);
}

/** The dtype that sums of a dtype are made in: of integers i64, which wraps. */
export const sumType = (dtype: TensorType["dtype"]): TensorType["dtype"] => (isFloat(dtype) ? dtype : "i64");

/**
 * The mean of each window of x[n,c,h,w]. Numbers; integers are summed in i64, which wraps, and divided towards zero.
 *
 * Padding counts as zeros with `countPadding`; what lies beyond it, which only `ceil` reaches, never counts. Error: n + 1 ulp
 * of the mean of |x|, n the window's size.
 */
export const avgPool: Operator<z.infer<typeof averageAttributes>> = operator({
  name: "avgPool",
  attributes: averageAttributes,
  errorUlp: 1,
  infer: ([x], { countPadding: _, ...window }) => poolType("avgPool", x!, window),
  evaluate([x], attributes, result) {
    const by = divisors(x!.shape.slice(2), result.shape.slice(2), attributes);
    windows(x!, attributes, result, (to, values) => {
      result.data[to] = meanOf(values, by[to % by.length]!, x!.dtype);
    });
  },
  magnitude([x], attributes, result) {
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    const data = new Float64Array(result.data.length);
    avgPool.evaluate([absolute], attributes, { ...result, dtype: "f64", data });
    return data.map((each) => each * (countOf(attributes.size) + 1));
  },
  lowering: {
    kind: "composite",
    decompose([given], attributes, builder) {
      const dtype = sumType(given!.type.dtype);
      const x = dtype === given!.type.dtype ? given : builder.apply(cast, [given!], { dtype });
      const { countPadding: _, ...window } = attributes;
      const out = staticShape(poolType("avgPool", x!.type, window).shape).slice(2);
      const by = divisors(staticShape(x!.type.shape).slice(2), out, attributes);
      const even = by.every((each) => each === by[0]);
      const divisor = even
        ? builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [by[0]!]))
        : builder.constant({ dtype, shape: [1, 1, ...out] }, arrayFrom(dtype, by), "windows");
      const total = isGlobal(x!, window)
        ? builder.apply(sum, [x!], overPlane)
        : combineWindows(x!, window, 0, builder, (a, b) => builder.apply(add, [a, b]));
      const quotient = builder.apply(div, [total, divisor]);
      return x === given ? quotient : builder.apply(cast, [quotient], { dtype: given!.type.dtype });
    },
  },
});
