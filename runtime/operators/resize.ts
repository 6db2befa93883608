// Resizing along any dimensions: nearest pixel, bilinear, bicubic, antialiased, in all the usual systems of coordinates.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import { holds, limitsOf, rangeText } from "../graph/numbers.ts";
import {
  arrayFrom,
  countOf,
  sameShape,
  showTensorType,
  sizeOf,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
import { axesAttribute } from "./axis.ts";
import { onlyBatch, unlessAlong } from "./bounded.ts";
import { add, cast, floor, kindOf, mul, where } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { ravel, unravel } from "./indexing.ts";
import { anyNumber, type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { requireImages } from "./pooling.ts";
import { outsideOf, placesIn, tapsAt } from "./resize-region.ts";
import {
  coordinateSystems,
  extrapolated,
  type ResizedDimension,
  roundings,
  type Tap,
  tapsAlong,
} from "./resize-taps.ts";
import { reshape } from "./structure.ts";

const numbers = z.array(z.number()).readonly();
const attributes = z.strictObject({
  /** Of each of the dimensions that are resized. */
  size: z.array(z.int().min(1)).min(1).readonly(),
  /** Which these are; those behind the channels unless named. */
  axes: axesAttribute().default([]),
  mode: z.enum(["nearest", "linear", "cubic"]),
  coordinates: z.enum(coordinateSystems),
  /** Of "nearest" only. */
  rounding: z.enum(roundings).default("preferFloor"),
  /** The slope that gives the cubic kernel its shape. */
  cubic: z.number().default(-0.75),
  /** Whether the kernel of a smaller image is as much wider, so that every pixel counts. Of "linear" and "cubic". */
  antialias: z.boolean().default(false),
  /** Outputs for one input along each dimension, where that is not the ratio of sizes. */
  scales: z.array(z.number().positive()).readonly().default([]),
  /** Whether pixels outside weigh nothing, or are those of the edge; nothing where antialiased, unless said. */
  excludeOutside: z.boolean().optional(),
  /** Of "cropAndResize": from where to where along each dimension, 0 and 1 being the corner pixels; unless these are operands. */
  region: z.strictObject({ starts: numbers, ends: numbers }).optional(),
  /** Of "cropAndResize": what lies outside of the input. */
  extrapolation: anyNumber.default(0),
});
type Attributes = z.infer<typeof attributes>;

/** The dimensions that are resized, in order. */
const axesOf = (rank: number, { axes }: Attributes): readonly number[] =>
  axes.length > 0 ? axes : Array.from({ length: rank - 2 }, (_, d) => d + 2);

/** How the `at`-th of the dimensions is resized, from so many pixels. */
function dimensionOf(from: number, at: number, given: Attributes): ResizedDimension {
  const { size, scales, region, excludeOutside = given.antialias } = given;
  return {
    ...given,
    from,
    to: size[at]!,
    scale: scales[at],
    excludeOutside,
    region: [region?.starts[at] ?? 0, region?.ends[at] ?? 1],
  };
}

/** The attributes with the region that operands say. */
function withRegion(given: Attributes, [starts, ends]: readonly Nd[]): Attributes {
  if (!starts || !ends) return given;
  const [from, to] = [starts, ends].map(({ data }) => Array.from(data as ArrayLike<number>, Number));
  return { ...given, region: { starts: from!, ends: to! } };
}

/** Throws `operator/attributes` for the operands of a region that are none. */
function requireRegion(
  what: string,
  region: readonly TensorType[],
  { size, coordinates, region: own }: Attributes,
): void {
  const fits = ({ dtype, shape }: TensorType) => kindOf(dtype) === "float" && sameShape(shape, [size.length]);
  if (region.length === 2 && region.every(fits) && coordinates === "cropAndResize" && !own) return;
  throw operandError(
    "attributes",
    `${what} in the region ${region.map(showTensorType).join(" to ")}`,
    `of coordinates "cropAndResize" it is two vectors of floats, one number for each of the dimensions that are resized`,
  );
}

function resizedType(x: TensorType, asked: readonly TensorType[], given: Attributes): TensorType {
  const { size, axes, mode, coordinates: system, antialias, scales, region, extrapolation } = given;
  const what = `resize of ${showTensorType(x)}`;
  const wrong = (why: string, help: string) => operandError("attributes", `${what}${why}`, help);
  if (axes.length === 0) requireImages("resize", x, size);
  else if (x.dtype === "bool") throw operandError("dtype", what, "convert the operand with .cast()");
  const resized = axesOf(x.shape.length, given);
  if (resized.length !== size.length)
    throw wrong(` to [${size}] along [${resized}]`, "give a size for each of the dimensions that are resized");
  if (resized.some((axis) => sizeOf(x.shape[axis]!) === 0)) throw operandError("shape", what, "the input is not empty");
  for (const [name, list] of Object.entries({ scales, starts: region?.starts ?? [], ends: region?.ends ?? [] }))
    if (list.length > 0 && list.length !== size.length)
      throw wrong(` with ${name} [${list}]`, "give one for each of the dimensions that are resized");
  if (antialias && (mode === "nearest" || system === "cropAndResize"))
    throw wrong(
      `: no antialiasing of mode "${mode}" with coordinates "${system}"`,
      'antialias "linear" or "cubic", with other coordinates than "cropAndResize"',
    );
  if (asked.length > 0) requireRegion(what, asked, given);
  else if (system === "cropAndResize" && !region?.starts.length)
    throw wrong(': no region for coordinates "cropAndResize"', "say from where to where along each dimension");
  if (!holds(x.dtype, extrapolation)) throw wrong(`: what lies outside cannot be ${extrapolation}`, rangeText(x.dtype));
  return { dtype: x.dtype, shape: size.reduce((shape, to, at) => shape.with(resized[at]!, to), [...x.shape]) };
}

/** What integers are resized in: f32 of bytes, else f64; nearest pixels as they are. */
function computedIn(dtype: TensorType["dtype"], mode: Attributes["mode"]): TensorType["dtype"] {
  if (kindOf(dtype) === "float" || mode === "nearest") return dtype;
  return Number(dtype.slice(1)) <= 8 ? "f32" : "f64";
}

/** Each output's pixel, for a mode that only chooses one. */
function evaluateNearest(x: Nd, given: Attributes, result: Nd): void {
  const axes = axesOf(x.shape.length, given);
  const positions = axes.map((axis, at) => tapsAlong(dimensionOf(x.shape[axis]!, at, given))[0]!.positions);
  for (let i = 0; i < result.data.length; i++) {
    const index = unravel(i, result.shape);
    for (const [at, axis] of axes.entries()) index[axis] = positions[at]![index[axis]!]!;
    result.data[i] = x.data[ravel(index, x.shape)]!;
  }
}

/** The sums along one dimension after the other; each step is rounded by `step`, weights are made by `weighted`. */
function evaluateWith(
  x: Nd,
  given: Attributes,
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
  const shape = [...x.shape];
  return axesOf(x.shape.length, given).reduce(
    (from, axis, at) => {
      const [length, to] = [shape[axis]!, given.size[at]!];
      const taps = tapsAlong(dimensionOf(length, at, given));
      shape[axis] = to;
      const inner = countOf(shape.slice(axis + 1));
      const resized = new Float64Array(countOf(shape));
      for (let i = 0; i < resized.length; i++) {
        const [line, column] = [Math.floor(i / inner), i % inner];
        const outer = Math.floor(line / to);
        resized[i] = along(taps, line % to, (row) => from[(outer * length + row) * inner + column]!);
      }
      return resized;
    },
    Float64Array.from(x.data as ArrayLike<number>, (value) => step(Number(value))),
  );
}

/** Sets what lies outside of the input. */
function extrapolate(x: Nd, given: Attributes, { data, shape, dtype }: Nd): void {
  if (given.coordinates !== "cropAndResize") return;
  const [value] = arrayFrom(dtype, [given.extrapolation]);
  const axes = axesOf(x.shape.length, given);
  const outside = axes.map((axis, at) => extrapolated(dimensionOf(x.shape[axis]!, at, given)));
  for (let i = 0; i < data.length; i++) {
    const index = unravel(i, shape);
    if (axes.some((axis, at) => outside[at]![index[axis]!])) data[i] = value!;
  }
}

/** A half, and more than rounding on the way to it loses: so that what is a half exactly goes up. */
const upFrom = { f32: 0.5 + 2 ** -10, f64: 0.5 + 2 ** -16 } as const;

/** The largest integer of a dtype that is not above a number, saturated. */
function toInteger(value: number, dtype: TensorType["dtype"]): bigint {
  const [low, high] = limitsOf(dtype);
  // What is no number lies outside, and is replaced.
  const whole = Number.isNaN(value) ? 0n : BigInt(Math.floor(value));
  return whole < low ? low : whole > high ? high : whole;
}

/** A line of x's dimension `axis` as it goes through the dimensions behind it. */
const alongAxis = (line: Value, axis: number, { type }: Value, builder: Builder): Value =>
  builder.apply(reshape, [line], { shape: [...line.type.shape, ...type.shape.slice(axis + 1).map(() => 1)] });

/** One dimension resized at places that the step computes. */
function alongPlaces(x: Value, axis: number, dimension: ResizedDimension, places: Value, builder: Builder): Value {
  const terms = tapsAt(places, dimension, builder).map(({ positions, weights }) => {
    const read = builder.apply(indexSelect, [x, positions], { axis });
    if (!weights) return read;
    const rounded = builder.apply(cast, [weights], { dtype: x.type.dtype });
    return builder.apply(mul, [read, alongAxis(rounded, axis, x, builder)]);
  });
  return terms.reduce((sum, term) => builder.apply(add, [sum, term]));
}

/** One dimension resized: a sum of gathered slices times their weights. */
function along(x: Value, axis: number, dimension: ResizedDimension, builder: Builder): Value {
  const { dtype } = x.type;
  const { from, to } = dimension;
  const taps = tapsAlong(dimension);
  // The same pixels once each: weights are then 1.
  if (taps.length === 1 && from === to && taps[0]!.positions.every((each, i) => each === i)) return x;
  const terms = taps.map(({ positions, weights }) => {
    const places = builder.constant({ dtype: "i64", shape: [positions.length] }, arrayFrom("i64", [...positions]));
    const read = builder.apply(indexSelect, [x, places], { axis });
    if (taps.length === 1 && weights.every((each) => each === 1)) return read;
    const shape = [weights.length, ...x.type.shape.slice(axis + 1).map(() => 1)];
    return builder.apply(mul, [read, builder.constant({ dtype, shape }, arrayFrom(dtype, [...weights]), "weights")]);
  });
  return terms.reduce((sum, term) => builder.apply(add, [sum, term]));
}

/** y with what lies outside of the dimension that a line of it is resized from. */
function extrapolatedIn(y: Value, line: Line, { extrapolation }: Attributes, builder: Builder): Value {
  const { dtype, shape } = y.type;
  const { axis, dimension, places } = line;
  const outside = places ? [] : extrapolated(dimension);
  if (!places && !outside.includes(true)) return y;
  const type = { dtype: "bool", shape: [outside.length, ...shape.slice(axis + 1).map(() => 1)] } as const;
  const mask = places
    ? alongAxis(outsideOf(places, dimension, builder), axis, y, builder)
    : builder.constant(type, arrayFrom("bool", outside), "outside");
  const value = builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [extrapolation]));
  return builder.apply(where, [mask, value, y]);
}

/** A dimension that is resized, and where its outputs lie, if the step computes that. */
interface Line {
  readonly axis: number;
  readonly dimension: ResizedDimension;
  readonly places?: Value;
}

/**
 * x at another size along some dimensions, one after the other: of x[n,c,l], x[n,c,h,w] or x[n,c,d,h,w] all behind the channels
 * unless they are named. Numbers.
 *
 * Of "cropAndResize" the region may be operands, its starts and its ends, each a vector of floats.
 *
 * Places and weights are computed in float64, when the graph is compiled, or by the step where the region is operands. "nearest"
 * is exact; the others sum 2 or 4 pixels per dimension, or as many as an antialiasing kernel covers, taps of weight 0 included. Bytes are resized in f32, other integers in
 * f64, and rounded to the nearest, halves up, with them what is less than 2⁻¹⁰ or 2⁻¹⁶ below. Error of floats: taps + 2 ulp per dimension of the same sums
 * over absolute values.
 */
export const resize: Operator<Attributes> = operator({
  name: "resize",
  attributes,
  errorUlp: 1,
  infer: ([x, ...region], given) => resizedType(x!, region, given),
  evaluate([x, ...region], attributes, result) {
    const { data, dtype } = result;
    const given = withRegion(attributes, region);
    const wide = computedIn(dtype, given.mode);
    if (given.mode === "nearest") evaluateNearest(x!, given, result);
    else if (kindOf(dtype) === "float") data.set(evaluateWith(x!, given) as never);
    else {
      const step = wide === "f32" ? Math.fround : (value: number) => value;
      const values = evaluateWith(x!, given, step);
      for (let i = 0; i < data.length; i++) {
        const whole = toInteger(step(values[i]! + upFrom[wide as "f32" | "f64"]), dtype);
        if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = whole;
        else data[i] = Number(whole);
      }
    }
    extrapolate(x!, given, result);
  },
  magnitude([x, ...region], attributes, { data }) {
    const given = withRegion(attributes, region);
    if (given.mode === "nearest") return new Float64Array(data.length);
    const axes = axesOf(x!.shape.length, given);
    const taps = axes.reduce((sum, axis, at) => sum + tapsAlong(dimensionOf(x!.shape[axis]!, at, given)).length + 2, 0);
    const absolute = { ...x!, data: Float64Array.from(x!.data as ArrayLike<number>, Math.abs) };
    return evaluateWith(absolute, given, (value) => value, Math.abs).map((each) => each * taps);
  },
  bounded: (operands, { axes }) => (axes.length > 0 ? unlessAlong(operands, axes) : onlyBatch(operands)),
  lowering: {
    kind: "composite",
    decompose([x, starts, ends], given, builder) {
      const { dtype } = x!.type;
      const wide = computedIn(dtype, given.mode);
      const operand = wide === dtype ? x! : builder.apply(cast, [x!], { dtype: wide });
      const from = staticShape(x!.type.shape);
      const lines = axesOf(from.length, given).map((axis, at): Line => {
        const dimension = dimensionOf(from[axis]!, at, given);
        return {
          axis,
          dimension,
          ...(starts && ends ? { places: placesIn([starts, ends], at, dimension, builder) } : {}),
        };
      });
      const resized = lines.reduce(
        (of, { axis, dimension, places }) =>
          places ? alongPlaces(of, axis, dimension, places, builder) : along(of, axis, dimension, builder),
        operand,
      );
      const outside = (y: Value) => lines.reduce((of, line) => extrapolatedIn(of, line, given, builder), y);
      if (wide === dtype) return outside(resized);
      const half = builder.constant({ dtype: wide, shape: [] }, arrayFrom(wide, [upFrom[wide as "f32" | "f64"]]));
      const rounded = builder.apply(floor, [builder.apply(add, [resized, half])]);
      return outside(builder.apply(cast, [rounded], { dtype }));
    },
  },
});
