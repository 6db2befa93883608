// Pooling: the largest or the mean of each window of a line, a plane or a volume.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { limitsOf } from "../graph/numbers.ts";
import { arrayFrom, countOf, showShape, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { add, cast, div, greater, kindOf, logicalOr, maximum, notEqual, where } from "./elementwise.ts";
import { unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, sizes } from "./operator.ts";
import { max, sum } from "./reduction.ts";
import { pad, slice } from "./structure.ts";

const widths = z.array(z.int().min(0)).max(3).readonly();

/** The attributes of a window. */
export const windowAttributes = {
  size: sizes,
  stride: sizes,
  /** 1 along every dimension where it is left out. */
  dilation: z.array(z.int().min(1)).max(3).readonly().default([]),
  /** Rows above and columns to the left that are taken to be there, and those below and to the right; none where left out. */
  before: widths.default([]),
  after: widths.default([]),
  /** Whether a last window that reaches beyond the padding counts, as long as it starts in front of it. */
  ceil: z.boolean().default(false),
};
const maxAttributes = z.strictObject(windowAttributes);
const averageAttributes = z.strictObject({
  ...windowAttributes,
  /** Whether padding counts as zeros, or windows are divided by what they hold of the image. */
  countPadding: z.boolean().default(true),
});
export type Window = z.infer<typeof maxAttributes>;
type AverageWindow = z.infer<typeof averageAttributes>;

/** A window with what is left out. */
export function completeWindow<W extends Window>(window: W): W {
  const filled = (given: readonly number[], value: number) => (given.length > 0 ? given : window.size.map(() => value));
  const { dilation, before, after } = window;
  return { ...window, dilation: filled(dilation, 1), before: filled(before, 0), after: filled(after, 0) };
}

/** Distance from the first to the last tap of a window. */
const reach = ({ size, dilation }: Window, d: number): number => dilation[d]! * (size[d]! - 1);

function outputSize(length: number, window: Window, d: number): number {
  const [stride, before, after] = [window.stride[d]!, window.before[d]!, window.after[d]!];
  const steps = (length + before + after - reach(window, d) - 1) / stride;
  if (!window.ceil) return Math.floor(steps) + 1;
  const count = Math.ceil(steps) + 1;
  return (count - 1) * stride >= length + before ? count - 1 : count;
}

/** Images are numbers in [n,c,l], [n,c,h,w] or [n,c,d,h,w]; what is said of their dimensions is a list for each of l, or h and w, or all three. */
export function requireImages(name: string, x: TensorType, ...lists: readonly (readonly number[])[]): void {
  const rank = x.shape.length - 2;
  if (x.dtype === "bool" || rank < 1 || rank > 3)
    throw operandError(
      "shape",
      `${name} of ${showTensorType(x)}`,
      "the input is [n,c,l], [n,c,h,w] or [n,c,d,h,w] of any dtype but bool",
    );
  const wrong = lists.find((each) => each.length !== rank);
  if (wrong)
    throw operandError(
      "attributes",
      `${name} of ${showTensorType(x)} with ${showShape(wrong)}`,
      `give a number for each of the ${rank} dimensions behind the channels`,
    );
}

/** The type of windows over x. Throws `operator/shape`, `operator/attributes`. */
export function poolType(name: string, x: TensorType, given: Window): TensorType {
  const window = completeWindow(given);
  requireImages(name, x, window.size, window.stride, window.dilation, window.before, window.after);
  const plane = staticShape(x.shape.slice(2));
  for (const d of plane.keys()) {
    if (Math.max(window.before[d]!, window.after[d]!) > reach(window, d))
      throw operandError(
        "attributes",
        `${name}: padding of ${showShape(window.before)} and ${showShape(window.after)} holds a whole window of ${showShape(window.size)}`,
        "pad by less than the window is long",
      );
  }
  const out = plane.map((length, d) => outputSize(length, window, d));
  if (out.some((length) => length < 1)) {
    throw operandError(
      "shape",
      `${name} of ${showTensorType(x)}: a window of ${showShape(window.size)} is larger than the plane`,
    );
  }
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...out] };
}

/** Taps of a window at which its dimensions are taken one after the other, so that not all are written out. */
const mostTaps = 36;

/** The windows of x along each dimension of the plane. */
const windowsAlong = (x: TensorType, window: Window): readonly number[] =>
  staticShape(poolType("pool", x, window).shape).slice(2);

/** x with elements of `value` around it wherever a window reaches beyond. */
function padded(x: Value, window: Window, value: number, builder: Builder): Value {
  const { stride, before } = window;
  const [, , ...plane] = staticShape(x.type.shape);
  const last = windowsAlong(x.type, window).map((count, d) => (count - 1) * stride[d]! + reach(window, d) + 1);
  const missing = last.map((end, d) => Math.max(0, end - plane[d]! - before[d]!));
  if (Math.max(...before, ...missing) === 0) return x;
  return builder.apply(pad, [x], { before: [0, 0, ...before], after: [0, 0, ...missing], value });
}

/** What is padded, at each tap of `count` windows along one dimension. */
function tapsOf(of: Value, { size, stride, dilation }: Window, d: number, count: number, builder: Builder): Value[] {
  const shape = staticShape(of.type.shape);
  return Array.from({ length: size[d]! }, (_, at) => {
    const start = at * dilation[d]!;
    const along = (whole: (size: number, e: number) => number, here: number) =>
      shape.map((each, e) => (e === d + 2 ? here : whole(each, e)));
    return builder.apply(slice, [of], {
      starts: along(() => 0, start),
      ends: along((each) => each, start + (count - 1) * stride[d]! + 1),
      steps: along(() => 1, stride[d]!),
    });
  });
}

/** Combines all places of every window, each a strided slice of x padded with `value`; in row-major order where few. */
function combineWindows(
  x: Value,
  window: Window,
  value: number,
  builder: Builder,
  combine: (a: Value, b: Value) => Value,
): Value {
  const { size } = window;
  const out = windowsAlong(x.type, window);
  const whole = padded(x, window, value, builder);
  const taps = (of: Value, d: number) => tapsOf(of, window, d, out[d]!, builder);
  const dimensions = size.map((_, d) => d);
  if (countOf(size) <= mostTaps)
    return dimensions.reduce((parts, d) => parts.flatMap((part) => taps(part, d)), [whole]).reduce(combine);
  return dimensions.reduceRight((all, d) => taps(all, d).reduce(combine), whole);
}

/** Whether one window of many taps covers the plane: then all is reduced at once. */
const isGlobal = (x: Value, { size, dilation, before, after }: Window): boolean =>
  countOf(size) > mostTaps &&
  [...before, ...after].every((width) => width === 0) &&
  dilation.every((each) => each === 1) &&
  size.every((each, d) => each === x.type.shape[d + 2]);

/** The axes of the plane, for a reduction that keeps them. */
const overPlane = ({ type }: Value) => ({ axes: type.shape.map((_, d) => d).slice(2), keepDims: true });

/** The sum of each window. */
export const summedWindows = (x: Value, window: Window, builder: Builder): Value =>
  isGlobal(x, window)
    ? builder.apply(sum, [x], overPlane(x))
    : combineWindows(x, window, 0, builder, (a, b) => builder.apply(add, [a, b]));

/** The elements of each window that lie in the image, one after the other, and where in the plane. */
export function windowsOf(
  x: Nd,
  window: Window,
  result: Nd,
  visit: (to: number, values: (number | bigint)[], places: readonly number[]) => void,
): void {
  const { size, stride, dilation, before } = completeWindow(window);
  const taps = Array.from({ length: countOf(size) }, (_, tap) => unravel(tap, size));
  const [, , ...plane] = x.shape;
  for (let i = 0; i < result.data.length; i++) {
    const [n, c, ...at] = unravel(i, result.shape) as [number, number, ...number[]];
    const values: (number | bigint)[] = [];
    const places: number[] = [];
    const start = (n * x.shape[1]! + c) * countOf(plane);
    for (const tap of taps) {
      let position = 0;
      let inside = true;
      for (let d = 0; d < plane.length; d++) {
        const place = at[d]! * stride[d]! + tap[d]! * dilation[d]! - before[d]!;
        inside &&= place >= 0 && place < plane[d]!;
        position = position * plane[d]! + place;
      }
      if (!inside) continue;
      values.push(x.data[start + position]!);
      places.push(position);
    }
    visit(i, values, places);
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
 * The largest of each window of x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w]; NaN wins, padding never does, −∞ or the least integer where a window is all
 * padding. Numbers. Exact.
 */
export const maxPool = operator({
  name: "maxPool",
  attributes: maxAttributes,
  errorUlp: 0,
  infer: ([x], attributes) => poolType("maxPool", x!, attributes),
  evaluate([x], attributes, result) {
    windowsOf(x!, attributes, result, (to, values) => {
      result.data[to] = largestOf(values, x!.dtype);
    });
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x], attributes, builder) {
      const window = completeWindow(attributes);
      if (isGlobal(x!, window)) return builder.apply(max, [x!], overPlane(x!));
      return combineWindows(x!, window, paddingOf(x!.type), builder, (a, b) => builder.apply(maximum, [a, b]));
    },
  },
});

/** What is never larger than an element. */
const paddingOf = ({ dtype }: TensorType): number => (isFloat(dtype) ? -Infinity : Number(leastOf(dtype)));

/** The place of the largest of some elements: the first of equals, the last NaN, as in PyTorch; −1 where there are none. */
function placeOfLargest(values: readonly (number | bigint)[], places: readonly number[]): number {
  let best = 0;
  for (const [at, value] of values.entries()) if (value > values[best]! || Number.isNaN(value)) best = at;
  return places[best] ?? -1;
}

/** For each window, where its first element lies in the plane, in the image or outside of it, and the first that lies in the image. */
function firstPlaces(plane: readonly number[], out: readonly number[], window: Window) {
  const { size, stride, dilation, before } = window;
  const strides = generators.rowMajor(plane);
  const windows = Array.from({ length: countOf(out) }, (_, i) => unravel(i, out));
  const starts = windows.map((at) => at.map((each, d) => each * stride[d]! - before[d]!));
  const flat = (place: readonly number[]) => place.reduce((sum, each, d) => sum + each * strides[d]!, 0);
  const inside = starts.map((start) => {
    const first = start.map((from, d) =>
      Array.from({ length: size[d]! }, (_, tap) => from + tap * dilation[d]!).find(
        (each) => each >= 0 && each < plane[d]!,
      ),
    );
    return first.includes(undefined) ? -1 : flat(first as number[]);
  });
  return { starts: starts.map(flat), inside };
}

/** The places of the largest of each window, found one dimension after the other, the last first. */
function placesOfLargest(x: Value, window: Window, builder: Builder): Value {
  const [, , ...plane] = staticShape(x.type.shape);
  const out = windowsAlong(x.type, window);
  const whole = (numbers: readonly number[], shape: readonly number[] = []) =>
    builder.constant({ dtype: "i64", shape }, arrayFrom("i64", numbers), "places");
  const padding = paddingOf(x.type);
  const least = builder.constant({ dtype: x.type.dtype, shape: [] }, arrayFrom(x.type.dtype, [padding]), "least");
  const beats = (value: Value, best: Value): Value => {
    const larger = builder.apply(greater, [value, best]);
    if (!isFloat(x.type.dtype)) return larger;
    return builder.apply(logicalOr, [larger, builder.apply(notEqual, [value, value])]);
  };
  const { starts, inside } = firstPlaces(plane, out, window);
  const byWindow = [1, 1, ...out];
  const strides = generators.rowMajor(plane);
  /** The largest so far, and its distance from the window's first element. */
  let best = padded(x, window, padding, builder);
  let distance: Value | undefined;
  for (let d = plane.length - 1; d >= 0; d--) {
    const steps = distance && tapsOf(distance, window, d, out[d]!, builder);
    const candidates = tapsOf(best, window, d, out[d]!, builder).map((value, tap) => {
      const along = whole([tap * window.dilation[d]! * strides[d]!]);
      return { value, distance: steps ? builder.apply(add, [steps[tap]!, along]) : along };
    });
    // What nothing beats is the first element in the image.
    const [first, ...others] = candidates as [(typeof candidates)[0], ...typeof candidates];
    const nearest = whole(
      inside.map((place, at) => place - starts[at]!),
      byWindow,
    );
    const start = d > 0 ? first.distance : builder.apply(where, [beats(first.value, least), first.distance, nearest]);
    const found = others.reduce(
      (so, each) => {
        const takes = beats(each.value, so.value);
        return {
          value: builder.apply(where, [takes, each.value, so.value]),
          distance: builder.apply(where, [takes, each.distance, so.distance]),
        };
      },
      { value: first.value, distance: start },
    );
    best = found.value;
    distance = found.distance;
  }
  return builder.apply(add, [distance!, whole(starts, byWindow)]);
}

/**
 * The largest of each window as `maxPool` gives it, and where it lies: its place in the line, plane or volume, row by row → i64.
 *
 * The first of equals, the last NaN, −1 where a window is all padding. Exact.
 */
export const maxPoolWithIndices = operator({
  name: "maxPoolWithIndices",
  attributes: maxAttributes,
  errorUlp: 0,
  infer([x], attributes) {
    const values = poolType("maxPool", x!, attributes);
    return [values, { dtype: "i64", shape: values.shape }];
  },
  evaluate([x], attributes, result, indices) {
    windowsOf(x!, attributes, result, (to, values, places) => {
      result.data[to] = largestOf(values, x!.dtype);
      indices!.data[to] = BigInt(placeOfLargest(values, places));
    });
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose: ([x], attributes, builder) => [
      builder.apply(maxPool, [x!], attributes),
      placesOfLargest(x!, completeWindow(attributes), builder),
    ],
  },
});

/** What each window of a plane is divided by, row by row; at least 1. */
function divisors(plane: readonly number[], out: readonly number[], window: AverageWindow): number[] {
  const { size, stride, dilation, before, after, countPadding } = completeWindow(window);
  const counts = plane.map((length, d) => {
    const [low, high] = countPadding ? [-before[d]!, length + after[d]!] : [0, length];
    return Array.from({ length: out[d]! }, (_, at) => {
      const taps = Array.from({ length: size[d]! }, (_, tap) => at * stride[d]! - before[d]! + tap * dilation[d]!);
      return taps.filter((place) => place >= low && place < high).length;
    });
  });
  const products = counts.reduce((all, each) => all.flatMap((a) => each.map((b) => a * b)), [1]);
  return products.map((count) => Math.max(1, count));
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
 * The mean of each window of x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w]. Numbers; integers are summed in i64, which wraps, and divided towards zero.
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
    windowsOf(x!, attributes, result, (to, values) => {
      result.data[to] = meanOf(values, by[to % by.length]!, x!.dtype);
    });
  },
  magnitude([x], attributes, result) {
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    const data = new Float64Array(result.data.length);
    avgPool.evaluate([absolute], attributes, { ...result, dtype: "f64", data });
    return data.map((each) => each * (countOf(attributes.size) + 1));
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([given], attributes, builder) {
      const dtype = sumType(given!.type.dtype);
      const x = dtype === given!.type.dtype ? given : builder.apply(cast, [given!], { dtype });
      const { countPadding: _, ...window } = completeWindow(attributes);
      const out = staticShape(poolType("avgPool", x!.type, window).shape).slice(2);
      const by = divisors(staticShape(x!.type.shape).slice(2), out, attributes);
      const even = by.every((each) => each === by[0]);
      const divisor = even
        ? builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [by[0]!]))
        : builder.constant({ dtype, shape: [1, 1, ...out] }, arrayFrom(dtype, by), "windows");
      const total = summedWindows(x!, window, builder);
      const quotient = builder.apply(div, [total, divisor]);
      return x === given ? quotient : builder.apply(cast, [quotient], { dtype: given!.type.dtype });
    },
  },
});
