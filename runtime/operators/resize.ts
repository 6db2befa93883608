// Resizing of lines, planes and volumes: nearest pixel, bilinear, bicubic, antialiased, in the three usual systems of coordinates.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { limitsOf } from "../graph/numbers.ts";
import { arrayFrom, countOf, showTensorType, staticShape, type TensorType } from "../graph/tensor-type.ts";
import { onlyBatch } from "./bounded.ts";
import { add, cast, floor, kindOf, mul } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator, sizes } from "./operator.ts";
import { requireImages } from "./pooling.ts";

/** How an output's pixel is placed among the input's; named as ONNX and PyTorch do. */
const coordinates = ["halfPixel", "alignCorners", "asymmetric"] as const;
/** How a place between two pixels becomes the nearest one. */
const roundings = ["floor", "ceil", "preferFloor", "preferCeil"] as const;

const attributes = z.strictObject({
  size: sizes,
  mode: z.enum(["nearest", "linear", "cubic"]),
  coordinates: z.enum(coordinates),
  /** Of "nearest" only. */
  rounding: z.enum(roundings).default("preferFloor"),
  /** The slope that gives the cubic kernel its shape. */
  cubic: z.number().default(-0.75),
  /** Whether the kernel of a smaller image is as much wider, so that every pixel counts. Of "linear" and "cubic" at halves. */
  antialias: z.boolean().default(false),
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

/** The kernel of a mode around its middle: a triangle, or Keys' with slope a. */
function kernelAt(distance: number, mode: Attributes["mode"], a: number): number {
  const d = Math.abs(distance);
  if (mode === "linear") return Math.max(0, 1 - d);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/**
 * The taps along a dimension by a kernel that is as wide as an output pixel, its weights summing to 1, as PyTorch has them;
 * where an output has fewer than others, it takes its last pixel times 0.
 */
function antialiasedTaps(from: number, to: number, mode: Attributes["mode"], a: number): Tap[] {
  const scale = from / to;
  const width = Math.max(scale, 1);
  const reach = (mode === "linear" ? 1 : 2) * width;
  const outputs = Array.from({ length: to }, (_, i) => {
    const centre = scale * (i + 0.5);
    const first = Math.max(Math.trunc(centre - reach + 0.5), 0);
    const count = Math.min(Math.trunc(centre + reach + 0.5), from) - first;
    const raw = Array.from({ length: count }, (_, j) => kernelAt((j + first - centre + 0.5) / width, mode, a));
    const total = raw.reduce((x, y) => x + y, 0);
    return { first, weights: raw.map((each) => each / total) };
  });
  const longest = Math.max(...outputs.map(({ weights }) => weights.length));
  return Array.from({ length: longest }, (_, tap) => ({
    positions: outputs.map(({ first, weights }) => first + Math.min(tap, weights.length - 1)),
    weights: outputs.map(({ weights }) => weights[tap] ?? 0),
  }));
}

/** The taps along dimension `d` behind the channels; pixels beyond the edge are those of the edge. */
function tapsOf(
  from: number,
  d: number,
  { size, mode, coordinates: system, rounding, cubic, antialias }: Attributes,
): Tap[] {
  const to = size[d]!;
  if (antialias) return antialiasedTaps(from, to, mode, cubic);
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

function resizedType(x: TensorType, { size, mode, coordinates: system, antialias }: Attributes): TensorType {
  requireImages("resize", x, size);
  if (x.shape.slice(2).includes(0))
    throw operandError("shape", `resize of ${showTensorType(x)}`, "the input is not empty");
  if (antialias && (mode === "nearest" || system !== "halfPixel"))
    throw operandError(
      "attributes",
      `resize of ${showTensorType(x)}: no antialiasing of mode "${mode}" with coordinates "${system}"`,
      'antialias "linear" or "cubic" with coordinates "halfPixel"',
    );
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...size] };
}

/** What integers are resized in: f32 of bytes, else f64; nearest pixels as they are. */
function computedIn(dtype: TensorType["dtype"], mode: Attributes["mode"]): TensorType["dtype"] {
  if (kindOf(dtype) === "float" || mode === "nearest") return dtype;
  return Number(dtype.slice(1)) <= 8 ? "f32" : "f64";
}

/** Each output's pixel, for a mode that only chooses one. */
function evaluateNearest(x: Nd, given: Attributes, result: Nd): void {
  const positions = x.shape.slice(2).map((from, d) => tapsOf(from, d, given)[0]!.positions);
  for (let i = 0; i < result.data.length; i++) {
    const [n, c, ...at] = unravel(i, result.shape) as [number, number, ...number[]];
    result.data[i] = x.data[ravel([n, c, ...at.map((each, d) => positions[d]![each]!)], x.shape)]!;
  }
}

/** The sums along one dimension after the other; each step is rounded by `step`, weights are made by `weighted`. */
function evaluateWith(
  x: Nd,
  given: Attributes,
  shape: readonly number[],
  step: (value: number) => number = (value) => value,
  weighted: (weight: number) => number = step,
): Float64Array {
  const total = (taps: readonly Tap[], i: number, value: (position: number) => number): number =>
    taps
      .map((tap) => step(weighted(tap.weights[i]!) * value(tap.positions[i]!)))
      .reduce((sum, term) => step(sum + term));
  /** A dimension with a single tap, of weight 1, keeps its pixels. */
  const along = (taps: readonly Tap[], i: number, value: (position: number) => number): number =>
    taps.length === 1 && taps[0]!.weights[i] === 1 ? value(taps[0]!.positions[i]!) : total(taps, i, value);
  const first = Float64Array.from(x.data as ArrayLike<number>, (value) => step(Number(value)));
  return x.shape.slice(2).reduce((from, length, d) => {
    const taps = tapsOf(length, d, given);
    // What lies before the dimension is resized already.
    const inner = countOf(x.shape.slice(d + 3));
    const to = new Float64Array(countOf(shape.slice(0, d + 3)) * inner);
    for (let i = 0; i < to.length; i++) {
      const [line, column] = [Math.floor(i / inner), i % inner];
      const outer = Math.floor(line / shape[d + 2]!);
      to[i] = along(taps, line % shape[d + 2]!, (row) => from[(outer * length + row) * inner + column]!);
    }
    return to;
  }, first);
}

/** A half, and more than rounding on the way to it loses: so that what is a half exactly goes up. */
const upFrom = { f32: 0.5 + 2 ** -10, f64: 0.5 + 2 ** -16 } as const;

/** The largest integer of a dtype that is not above a number, saturated. */
function toInteger(value: number, dtype: TensorType["dtype"]): bigint {
  const [low, high] = limitsOf(dtype);
  const whole = BigInt(Math.floor(value));
  return whole < low ? low : whole > high ? high : whole;
}

/** One dimension resized: a sum of gathered slices times their weights. */
function along(x: Value, d: number, given: Attributes, builder: Builder): Value {
  const { dtype } = x.type;
  const from = staticShape(x.type.shape)[d + 2]!;
  const taps = tapsOf(from, d, given);
  // The same pixels once each: weights are then 1.
  if (taps.length === 1 && from === given.size[d] && taps[0]!.positions.every((each, i) => each === i)) return x;
  const terms = taps.map(({ positions, weights }) => {
    const places = builder.constant({ dtype: "i64", shape: [positions.length] }, arrayFrom("i64", [...positions]));
    const read = builder.apply(indexSelect, [x, places], { axis: d + 2 });
    if (taps.length === 1 && weights.every((each) => each === 1)) return read;
    const shape = [weights.length, ...given.size.slice(d + 1).map(() => 1)];
    return builder.apply(mul, [read, builder.constant({ dtype, shape }, arrayFrom(dtype, [...weights]), "weights")]);
  });
  return terms.reduce((sum, term) => builder.apply(add, [sum, term]));
}

/**
 * x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w] at another size, one dimension after the other. Numbers.
 *
 * Places and weights are computed in float64 when the graph is compiled. "nearest" is exact; the others sum 2 or 4 pixels per
 * dimension, or as many as an antialiasing kernel covers, taps of weight 0 included. Bytes are resized in f32, other integers in
 * f64, and rounded to the nearest, halves up, with them what is less than 2⁻¹⁰ or 2⁻¹⁶ below. Error of floats: taps + 2 ulp per dimension of the same sums
 * over absolute values.
 */
export const resize: Operator<Attributes> = operator({
  name: "resize",
  attributes,
  errorUlp: 1,
  infer: ([x], given) => resizedType(x!, given),
  evaluate([x], given, result) {
    if (given.mode === "nearest") return evaluateNearest(x!, given, result);
    const { data, dtype } = result;
    if (kindOf(dtype) === "float") {
      data.set(evaluateWith(x!, given, result.shape) as never);
      return;
    }
    const wide = computedIn(dtype, given.mode) as "f32" | "f64";
    const step = wide === "f32" ? Math.fround : (value: number) => value;
    const values = evaluateWith(x!, given, result.shape, step);
    for (let i = 0; i < data.length; i++) {
      const whole = toInteger(step(values[i]! + upFrom[wide]), dtype);
      if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = whole;
      else data[i] = Number(whole);
    }
  },
  magnitude([x], given, { shape, data }) {
    if (given.mode === "nearest") return new Float64Array(data.length);
    const taps = x!.shape.slice(2).reduce((sum, from, d) => sum + tapsOf(from, d, given).length + 2, 0);
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    return evaluateWith(absolute, given, shape, (value) => value, Math.abs).map((each) => each * taps);
  },
  bounded: onlyBatch,
  lowering: {
    kind: "composite",
    decompose([x], given, builder) {
      const { dtype } = x!.type;
      const wide = computedIn(dtype, given.mode);
      const operand = wide === dtype ? x! : builder.apply(cast, [x!], { dtype: wide });
      const resized = given.size.reduce((of, _, d) => along(of, d, given, builder), operand);
      if (wide === dtype) return resized;
      const half = builder.constant({ dtype: wide, shape: [] }, arrayFrom(wide, [upFrom[wide as "f32" | "f64"]]));
      const rounded = builder.apply(floor, [builder.apply(add, [resized, half])]);
      return builder.apply(cast, [rounded], { dtype });
    },
  },
});
