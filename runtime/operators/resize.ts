// Resizing of images: nearest pixel, bilinear, bicubic, in the three usual systems of coordinates.
import { z } from "zod";
import type { Value } from "../graph.ts";
import { arrayFrom, showTensorType, staticShape, type TensorType } from "../tensor-type.ts";
import { add, mul } from "./elementwise.ts";
import { gather } from "./gather.ts";
import { type Builder, type Nd, type Operator, operandError, operator, pair } from "./operator.ts";

/** How an output's pixel is placed among the input's; named as ONNX and PyTorch do. */
const coordinates = ["halfPixel", "alignCorners", "asymmetric"] as const;
/** How a place between two pixels becomes the nearest one. */
const roundings = ["floor", "ceil", "preferFloor", "preferCeil"] as const;

const attributes = z.strictObject({
  size: pair,
  mode: z.enum(["nearest", "linear", "cubic"]),
  coordinates: z.enum(coordinates),
  /** Of "nearest" only. */
  rounding: z.enum(roundings).default("preferFloor"),
  /** The slope that gives the cubic kernel its shape. */
  cubic: z.number().default(-0.75),
});
type Attributes = z.infer<typeof attributes>;

/** Where output `i` of `to` lies among `from` inputs. */
function placeOf(i: number, from: number, to: number, system: Attributes["coordinates"]): number {
  switch (system) {
    case "halfPixel":
      return ((i + 0.5) * from) / to - 0.5;
    case "alignCorners":
      return to === 1 ? 0 : (i * (from - 1)) / (to - 1);
    case "asymmetric":
      return (i * from) / to;
  }
}

const rounded: { readonly [rounding in Attributes["rounding"]]: (place: number) => number } = {
  floor: Math.floor,
  ceil: Math.ceil,
  preferFloor: (place) => Math.ceil(place - 0.5),
  preferCeil: (place) => Math.floor(place + 0.5),
};

/** Weights of the four pixels around a place `t` behind the second (Keys' kernel with slope a). */
function cubicWeights(t: number, a: number): number[] {
  const near = (d: number) => ((a + 2) * d - (a + 3)) * d * d + 1;
  const far = (d: number) => ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  return [far(1 + t), near(t), near(1 - t), far(2 - t)];
}

/** One tap of every output along a dimension: which input it reads, and its weight. */
interface Tap {
  readonly positions: readonly number[];
  readonly weights: readonly number[];
}

/** The taps along dimension `d` of the plane; pixels beyond the edge are those of the edge. */
function tapsOf(from: number, d: 0 | 1, { size, mode, coordinates: system, rounding, cubic }: Attributes): Tap[] {
  const to = size[d];
  const outputs = Array.from({ length: to }, (_, i) => {
    const place = placeOf(i, from, to, system);
    if (mode === "nearest") return { first: rounded[rounding](place), weights: [1] };
    const low = Math.floor(place);
    const t = place - low;
    return mode === "linear"
      ? { first: low, weights: [1 - t, t] }
      : { first: low - 1, weights: cubicWeights(t, cubic) };
  });
  return outputs[0]!.weights.map((_, tap) => ({
    positions: outputs.map(({ first }) => Math.min(Math.max(first + tap, 0), from - 1)),
    weights: outputs.map(({ weights }) => weights[tap]!),
  }));
}

function resizedType(x: TensorType, { size }: Attributes): TensorType {
  const known = (x.dtype === "f32" || x.dtype === "f64") && x.shape.length === 4;
  if (!known || staticShape(x.shape).slice(2).includes(0)) {
    throw operandError(
      "shape",
      `resize of ${showTensorType(x)}`,
      "the input is f32[n,c,h,w] or f64[n,c,h,w], and not empty",
    );
  }
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...size] };
}

/** The sums along rows and then along columns, in float64; weights made absolute where a bound is wanted. */
function evaluateWith(x: Nd, given: Attributes, result: Nd, weighted: (weight: number) => number): void {
  const [, , height, width] = x.shape as [number, number, number, number];
  const [n, c, oh, ow] = result.shape as [number, number, number, number];
  const [rows, columns] = [tapsOf(height, 0, given), tapsOf(width, 1, given)];
  /** A single tap has the weight 1 and is not multiplied: nearest pixels keep their bits. */
  const total = (taps: readonly Tap[], i: number, value: (position: number) => number): number =>
    taps.length === 1
      ? value(taps[0]!.positions[i]!)
      : taps.reduce((sum, tap) => sum + weighted(tap.weights[i]!) * value(tap.positions[i]!), 0);
  const lines = new Float64Array(oh * width);
  for (let plane = 0; plane < n * c; plane++) {
    for (let i = 0; i < lines.length; i++) {
      const column = i % width;
      lines[i] = total(rows, Math.floor(i / width), (row) => Number(x.data[(plane * height + row) * width + column]!));
    }
    for (let i = 0; i < oh * ow; i++) {
      const row = Math.floor(i / ow);
      result.data[plane * oh * ow + i] = total(columns, i % ow, (column) => lines[row * width + column]!);
    }
  }
}

/** One dimension resized: a sum of gathered slices times their weights. */
function along(x: Value, d: 0 | 1, given: Attributes, builder: Builder): Value {
  const { dtype } = x.type;
  const from = staticShape(x.type.shape)[d + 2]!;
  const taps = tapsOf(from, d, given);
  // The same pixels once each: weights are then 1.
  if (taps.length === 1 && from === given.size[d] && taps[0]!.positions.every((each, i) => each === i)) return x;
  const terms = taps.map(({ positions, weights }) => {
    const places = builder.constant({ dtype: "i64", shape: [positions.length] }, arrayFrom("i64", [...positions]));
    const read = builder.apply(gather, [x, places], { axis: d + 2 });
    if (taps.length === 1) return read;
    const shape = d === 0 ? [weights.length, 1] : [weights.length];
    return builder.apply(mul, [read, builder.constant({ dtype, shape }, arrayFrom(dtype, [...weights]), "weights")]);
  });
  return terms.reduce((sum, term) => builder.apply(add, [sum, term]));
}

/**
 * x[n,c,h,w] at another size: rows first, then columns. Floats.
 *
 * Places and weights are computed in float64 when the graph is compiled. "nearest" is exact; the others sum 2 or 4 pixels per
 * dimension, taps of weight 0 included. Error: taps + 2 ulp per dimension of the same sums over absolute values.
 */
export const resize: Operator = operator({
  name: "resize",
  attributes,
  errorUlp: 1,
  infer: ([x], given) => resizedType(x!, given),
  evaluate: ([x], given, result) => evaluateWith(x!, given, result, (weight) => weight),
  magnitude([x], given, result) {
    const taps = { nearest: 0, linear: 4, cubic: 6 }[given.mode];
    const data = new Float64Array(result.data.length);
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    evaluateWith(absolute, given, { ...result, dtype: "f64", data }, Math.abs);
    return data.map((each) => each * 2 * taps);
  },
  lowering: {
    kind: "composite",
    decompose: ([x], given, builder) => along(along(x!, 0, given, builder), 1, given, builder),
  },
});
