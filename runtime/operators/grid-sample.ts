// Sampling of images at computed positions, as PyTorch's grid_sample: bilinear, nearest and bicubic, in batches of channels.
import { z } from "zod";
import { isFloatDtype } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  sameDimension,
  showTensorType,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
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
import { unravel, wholeNumber } from "./indexing.ts";
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

/** One coordinate of each position of a grid[n,…,rank], as [n,1,positions]. */
function coordinateOf(grid: Value, which: number, builder: Builder): Value {
  const [n, ...out] = staticShape(grid.type.shape).slice(0, -1) as [number, ...number[]];
  const none = [0, ...out.map(() => 0)];
  const one = builder.apply(slice, [grid], {
    starts: [...none, which],
    ends: [n, ...out, which + 1],
    steps: [...none.map(() => 1), 1],
  });
  return builder.apply(reshape, [one], { shape: [n, 1, countOf(out)] });
}

/** All ways to choose one place along each dimension, the last changing first. */
const chosen = (counts: readonly number[]): number[][] =>
  Array.from({ length: countOf(counts) }, (_, at) => unravel(at, counts));

/** A sampler of planes or volumes; `letters` are its dimensions. */
const sampler = (name: string, letters: string) => {
  const rank = letters.length;
  return operator({
    name,
    attributes,
    errorUlp: 8,
    infer([x, grid]) {
      const [images, positions] = [x!.shape, grid!.shape];
      const float = isFloatDtype(x!.dtype);
      const fits =
        images.length === rank + 2 &&
        positions.length === rank + 2 &&
        positions.at(-1) === rank &&
        sameDimension(positions[0]!, images[0]!);
      if (!float || grid!.dtype !== x!.dtype || !fits || images.slice(2).includes(0))
        throw operandError(
          "shape",
          `gridSample of ${showTensorType(x!)} at ${showTensorType(grid!)}`,
          `the images are float[n,c,${[...letters]}] and not empty, the grid [n,${[...letters].map((each) => `${each}o`)},${rank}] of the same dtype`,
        );
      return { dtype: x!.dtype, shape: [images[0]!, images[1]!, ...positions.slice(1, -1)] };
    },
    evaluate([x, grid], given, { data, shape, dtype }) {
      const m = numbers(dtype);
      const plane = x!.shape.slice(2);
      const [n, channels, ...out] = shape as [number, number, ...number[]];
      const area = countOf(out);
      for (let place = 0; place < n * area; place++) {
        const taps = plane.map((size, d) => tapsOf(m, Number(grid!.data[rank * place + rank - 1 - d]!), size, given));
        const ways = chosen(taps.map(({ places }) => places.length));
        const image = Math.floor(place / area);
        for (let channel = 0; channel < channels; channel++) {
          const first = image * channels + channel;
          let total = 0;
          for (const way of ways) {
            const places = way.map((at, d) => taps[d]!.places[at]!);
            const inside = places.every((each, d) => isInside(m, each, plane[d]!));
            const position = places.reduce((so, each, d) => so * plane[d]! + indexOf(each, plane[d]!), first);
            let value = inside || given.outside !== "zeros" ? Number(x!.data[position]!) : 0;
            for (let d = rank - 1; d >= 0; d--) value *= taps[d]!.weights?.[way[d]!] ?? 1;
            total += value;
          }
          data[first * area + (place % area)] = total;
        }
      }
    },
    magnitude([x], { mode }, { data }) {
      if (mode === "nearest") return new Float64Array(data.length);
      let largest = 0;
      for (const pixel of x!.data) if (Number.isFinite(pixel)) largest = Math.max(largest, Math.abs(Number(pixel)));
      const perDimension = mode === "bicubic" ? 8 : 2;
      return new Float64Array(data.length).fill(largest * perDimension ** (rank - 2) * (mode === "bicubic" ? 8 : 1));
    },
    lowering: {
      kind: "composite",
      decompose([x, grid], given, builder) {
        const { dtype } = x!.type;
        const m = values(dtype, builder);
        const [n, channels, ...plane] = staticShape(x!.type.shape) as [number, number, ...number[]];
        const out = staticShape(grid!.type.shape).slice(1, -1);
        // The coordinate of the last dimension stands first.
        const taps = [...plane.keys()]
          .reverse()
          .map((d) => tapsOf(m, coordinateOf(grid!, rank - 1 - d, builder), plane[d]!, given))
          .reverse();
        const pixels = builder.apply(reshape, [x!], { shape: [n, channels, countOf(plane)] });
        const wide = (value: number) => wholeNumber(builder, value);
        const index = (place: Value, size: number) => builder.apply(cast, [clamped(m, place, size)], { dtype: "i64" });
        const terms = chosen(taps.map(({ places }) => places.length)).map((way) => {
          const places = way.map((at, d) => taps[d]!.places[at]!);
          const [start, ...rest] = places.map((place, d) => () => index(place, plane[d]!)) as [
            () => Value,
            ...(() => Value)[],
          ];
          const position = rest.reduce((so, next, d) => {
            const before = builder.apply(mul, [so, wide(plane[d + 1]!)]);
            return builder.apply(add, [before, next()]);
          }, start());
          const everywhere = builder.apply(broadcastTo, [position], { shape: [n, channels, countOf(out)] });
          const read = builder.apply(gather, [pixels, everywhere], { axis: 2 });
          const inside = places.map((place, d) => isInside(m, place, plane[d]!)).reduce(m.and);
          const value = given.outside === "zeros" ? m.where(inside, read, m.number(0)) : read;
          const weights = way.flatMap((at, d) => taps[d]!.weights?.[at] ?? []);
          return weights.length === 0 ? value : m.mul(value, weights.reduceRight(m.mul));
        });
        return builder.apply(reshape, [terms.reduce(m.add)], { shape: [n, channels, ...out] });
      },
    },
  });
};

/**
 * Samples of images[n,c,h,w] at the positions (x, y) of grid[n,ho,wo,2] → [n,c,ho,wo]. Floats of one dtype.
 *
 * Positions are pixels, or go from −1 to 1 over the image. "nearest" takes the even one of two pixels as near, "bicubic" has
 * Keys' kernel with slope −0.75. Outside are zeros, the border, or the image's reflection. Coordinates are computed in the
 * dtype. A position that is NaN gives NaN by bilinear and bicubic, and by nearest what lies outside, or the first pixel.
 * Error: 8 ulp of the image's largest pixel, 64 of bicubic.
 */
export const gridSampler2d = sampler("gridSampler2d", "hw");

/**
 * Samples of volumes[n,c,d,h,w] at the positions (x, y, z) of grid[n,do,ho,wo,3] → [n,c,do,ho,wo], as those of images; "bicubic" over
 * all three dimensions, which PyTorch does not have. Error: 16 ulp of the largest element, 512 of bicubic.
 */
export const gridSampler3d = sampler("gridSampler3d", "dhw");
