// Sampling of images at computed positions, as PyTorch's grid_sample: bilinear, nearest and bicubic, in batches of channels.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, sameDimension, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import {
  abs,
  add,
  cast,
  div,
  equal,
  floor,
  greater,
  greaterEqual,
  less,
  lessEqual,
  logicalAnd,
  mul,
  round,
  sub,
  where,
} from "./elementwise.ts";
import { gather } from "./gather.ts";
import { wholeNumber } from "./indexing.ts";
import { type Builder, operandError, operator } from "./operator.ts";
import { broadcastTo, reshape, slice } from "./structure.ts";

const attributes = z.strictObject({
  mode: z.enum(["bilinear", "nearest", "bicubic"]),
  outside: z.enum(["zeros", "border", "reflection"]),
  /** Whether positions are pixels, or go from −1 to 1 over the image. */
  coordinates: z.enum(["pixels", "normalized"]),
  /** Whether −1 and 1, and the ends of the reflection, are the centres of the corner pixels or the corners of the image. */
  alignCorners: z.boolean(),
});
type Attributes = z.infer<typeof attributes>;

/** The slope of PyTorch's cubic kernel. */
const slope = -0.75;

/** Arithmetic in which a sample is written once, over numbers that round or over values of a graph. */
interface Arithmetic<T, B> {
  number(value: number): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  abs(a: T): T;
  floor(a: T): T;
  round(a: T): T;
  less(a: T, b: T): B;
  greater(a: T, b: T): B;
  lessEqual(a: T, b: T): B;
  greaterEqual(a: T, b: T): B;
  equal(a: T, b: T): B;
  and(a: B, b: B): B;
  where(condition: B, a: T, b: T): T;
}

/** A coordinate in pixels. */
function inPixels<T, B>(m: Arithmetic<T, B>, position: T, size: number, { coordinates, alignCorners }: Attributes): T {
  if (coordinates === "pixels") return position;
  const from0 = m.add(position, m.number(1));
  if (alignCorners) return m.mul(m.div(from0, m.number(2)), m.number(size - 1));
  return m.div(m.sub(m.mul(from0, m.number(size)), m.number(1)), m.number(2));
}

function clamped<T, B>(m: Arithmetic<T, B>, place: T, size: number): T {
  const raised = m.where(m.less(place, m.number(0)), m.number(0), place);
  return m.where(m.greater(raised, m.number(size - 1)), m.number(size - 1), raised);
}

/** A coordinate where it is read: as it is, moved to the border, or reflected, and then moved to the border. */
function brought<T, B>(m: Arithmetic<T, B>, place: T, size: number, { outside, alignCorners }: Attributes): T {
  if (outside === "zeros") return place;
  if (outside === "border") return clamped(m, place, size);
  const [low, span] = alignCorners ? [0, size - 1] : [-0.5, size];
  if (span === 0) return m.number(0);
  const distance = m.abs(m.sub(place, m.number(low)));
  const flips = m.floor(m.div(distance, m.number(span)));
  const extra = m.sub(distance, m.mul(flips, m.number(span)));
  const even = m.equal(m.mul(m.floor(m.mul(flips, m.number(0.5))), m.number(2)), flips);
  const back = m.add(m.sub(m.number(span), extra), m.number(low));
  return clamped(m, m.where(even, m.add(extra, m.number(low)), back), size);
}

/** Keys' kernel at the four places around a fraction t behind the second. */
function cubicWeights<T, B>(m: Arithmetic<T, B>, t: T): readonly T[] {
  const chain = (d: T, coefficients: readonly number[]) =>
    coefficients.slice(1).reduce((sum, c) => m.add(m.mul(sum, d), m.number(c)), m.number(coefficients[0]!));
  const near = (d: T) => chain(d, [slope + 2, -(slope + 3), 0, 1]);
  const far = (d: T) => chain(d, [slope, -5 * slope, 8 * slope, -4 * slope]);
  const one = m.number(1);
  const rest = m.sub(one, t);
  return [far(m.add(t, one)), near(t), near(rest), far(m.add(rest, one))];
}

/** Which places along one dimension a sample reads, and what it weighs each with. */
interface Taps<T> {
  readonly places: readonly T[];
  readonly weights: readonly T[] | undefined;
}

function tapsOf<T, B>(m: Arithmetic<T, B>, position: T, size: number, given: Attributes): Taps<T> {
  const pixel = inPixels(m, position, size, given);
  switch (given.mode) {
    case "nearest":
      return { places: [m.round(brought(m, pixel, size, given))], weights: undefined };
    case "bilinear": {
      const place = brought(m, pixel, size, given);
      const low = m.floor(place);
      const high = m.sub(place, low);
      return { places: [low, m.add(low, m.number(1))], weights: [m.sub(m.number(1), high), high] };
    }
    case "bicubic": {
      const low = m.floor(pixel);
      const places = [-1, 0, 1, 2].map((at) => brought(m, m.add(low, m.number(at)), size, given));
      return { places, weights: cubicWeights(m, m.sub(pixel, low)) };
    }
  }
}

const isInside = <T, B>(m: Arithmetic<T, B>, place: T, size: number): B =>
  m.and(m.greaterEqual(place, m.number(0)), m.lessEqual(place, m.number(size - 1)));

/** Numbers, each step rounded to the dtype. */
const numbers = (dtype: TensorType["dtype"]): Arithmetic<number, boolean> => {
  const r = dtype === "f32" ? Math.fround : (value: number) => value;
  const halfEven = (value: number) => {
    const low = Math.floor(value);
    const up = value - low;
    if (up !== 0.5) return up < 0.5 ? low : low + 1;
    return low % 2 === 0 ? low : low + 1;
  };
  return {
    number: r,
    add: (a, b) => r(a + b),
    sub: (a, b) => r(a - b),
    mul: (a, b) => r(a * b),
    div: (a, b) => r(a / b),
    abs: Math.abs,
    floor: Math.floor,
    round: (a) => (Number.isFinite(a) ? halfEven(a) : a),
    less: (a, b) => a < b,
    greater: (a, b) => a > b,
    lessEqual: (a, b) => a <= b,
    greaterEqual: (a, b) => a >= b,
    equal: (a, b) => a === b,
    and: (a, b) => a && b,
    where: (condition, a, b) => (condition ? a : b),
  };
};

/** Values of a graph. */
const values = (dtype: TensorType["dtype"], builder: Builder): Arithmetic<Value, Value> => {
  const binary = (used: Parameters<Builder["apply"]>[0]) => (a: Value, b: Value) => builder.apply(used, [a, b]);
  const unary = (used: Parameters<Builder["apply"]>[0]) => (a: Value) => builder.apply(used, [a]);
  return {
    number: (value) => builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [value])),
    add: binary(add),
    sub: binary(sub),
    mul: binary(mul),
    div: binary(div),
    abs: unary(abs),
    floor: unary(floor),
    round: unary(round),
    less: binary(less),
    greater: binary(greater),
    lessEqual: binary(lessEqual),
    greaterEqual: binary(greaterEqual),
    equal: binary(equal),
    and: binary(logicalAnd),
    where: (condition, a, b) => builder.apply(where, [condition, a, b]),
  };
};

/** An index from a place: NaN is 0, and what lies outside the image its nearest pixel. */
const indexOf = (place: number, size: number): number =>
  Number.isNaN(place) ? 0 : Math.min(Math.max(Math.trunc(place), 0), size - 1);

/** The x or y of each position of a grid[n,h,w,2], as [n,1,h·w]. */
function coordinateOf(grid: Value, which: 0 | 1, builder: Builder): Value {
  const [n, h, w] = staticShape(grid.type.shape) as [number, number, number, number];
  const one = builder.apply(slice, [grid], {
    starts: [0, 0, 0, which],
    ends: [n, h, w, which + 1],
    steps: [1, 1, 1, 1],
  });
  return builder.apply(reshape, [one], { shape: [n, 1, h * w] });
}

/**
 * Samples of images[n,c,h,w] at the positions (x, y) of grid[n,ho,wo,2] → [n,c,ho,wo]. Floats of one dtype.
 *
 * Positions are pixels, or go from −1 to 1 over the image. "nearest" takes the even one of two pixels as near, "bicubic" has
 * Keys' kernel with slope −0.75. Outside are zeros, the border, or the image's reflection. Coordinates are computed in the
 * dtype. A position that is NaN gives NaN by bilinear and bicubic, and by nearest what lies outside, or the first pixel.
 * Error: 8 ulp of the image's largest pixel, 64 of bicubic.
 */
export const gridSampler2d = operator({
  name: "gridSampler2d",
  attributes,
  errorUlp: 8,
  infer([x, grid]) {
    const [images, positions] = [x!.shape, grid!.shape];
    const float = isFloatDtype(x!.dtype);
    const fits =
      images.length === 4 && positions.length === 4 && positions[3] === 2 && sameDimension(positions[0]!, images[0]!);
    if (!float || grid!.dtype !== x!.dtype || !fits || images[2] === 0 || images[3] === 0)
      throw operandError(
        "shape",
        `gridSample of ${showTensorType(x!)} at ${showTensorType(grid!)}`,
        "the images are float[n,c,h,w] and not empty, the grid [n,ho,wo,2] of the same dtype",
      );
    return { dtype: x!.dtype, shape: [images[0]!, images[1]!, positions[1]!, positions[2]!] };
  },
  evaluate([x, grid], given, { data, shape, dtype }) {
    const m = numbers(dtype);
    const [, , height, width] = x!.shape as [number, number, number, number];
    const [n, channels, ho, wo] = shape as [number, number, number, number];
    for (let place = 0; place < n * ho * wo; place++) {
      const at = (which: 0 | 1) => Number(grid!.data[2 * place + which]!);
      const [columns, rows] = [tapsOf(m, at(0), width, given), tapsOf(m, at(1), height, given)];
      const image = Math.floor(place / (ho * wo));
      for (let channel = 0; channel < channels; channel++) {
        const plane = (image * channels + channel) * height * width;
        let total = 0;
        rows.places.forEach((row, i) => {
          columns.places.forEach((column, j) => {
            const inside = isInside(m, row, height) && isInside(m, column, width);
            const pixel = Number(x!.data[plane + indexOf(row, height) * width + indexOf(column, width)]!);
            const value = inside || given.outside !== "zeros" ? pixel : 0;
            total += rows.weights && columns.weights ? value * columns.weights[j]! * rows.weights[i]! : value;
          });
        });
        data[(image * channels + channel) * ho * wo + (place % (ho * wo))] = total;
      }
    }
  },
  magnitude([x], { mode }, { data }) {
    if (mode === "nearest") return new Float64Array(data.length);
    let largest = 0;
    for (const pixel of x!.data) if (Number.isFinite(pixel)) largest = Math.max(largest, Math.abs(Number(pixel)));
    return new Float64Array(data.length).fill(mode === "bicubic" ? 8 * largest : largest);
  },
  lowering: {
    kind: "composite",
    decompose([x, grid], given, builder) {
      const { dtype } = x!.type;
      const m = values(dtype, builder);
      const [n, channels, height, width] = staticShape(x!.type.shape) as [number, number, number, number];
      const [, ho, wo] = staticShape(grid!.type.shape) as [number, number, number, number];
      const columns = tapsOf(m, coordinateOf(grid!, 0, builder), width, given);
      const rows = tapsOf(m, coordinateOf(grid!, 1, builder), height, given);
      const pixels = builder.apply(reshape, [x!], { shape: [n, channels, height * width] });
      const wide = (value: number) => wholeNumber(builder, value);
      const index = (place: Value, size: number) => builder.apply(cast, [clamped(m, place, size)], { dtype: "i64" });
      const terms = rows.places.flatMap((row, i) =>
        columns.places.map((column, j) => {
          const start = builder.apply(mul, [index(row, height), wide(width)]);
          const places = builder.apply(add, [start, index(column, width)]);
          const everywhere = builder.apply(broadcastTo, [places], { shape: [n, channels, ho * wo] });
          const read = builder.apply(gather, [pixels, everywhere], { axis: 2 });
          const inside = m.and(isInside(m, row, height), isInside(m, column, width));
          const value = given.outside === "zeros" ? m.where(inside, read, m.number(0)) : read;
          if (!rows.weights || !columns.weights) return value;
          return m.mul(value, m.mul(columns.weights[j]!, rows.weights[i]!));
        }),
      );
      return builder.apply(reshape, [terms.reduce(m.add)], { shape: [n, channels, ho, wo] });
    },
  },
});
