// Resizing of a region that the step is given: the taps of resize-taps.ts as nodes of a graph, in float64 and in the same order.
import type { Value } from "../graph/graph.ts";
import { arrayFrom } from "../graph/tensor-type.ts";
import {
  add,
  cast,
  ceil,
  div,
  floor,
  greaterEqual,
  lessEqual,
  logicalAnd,
  logicalNot,
  maximum,
  minimum,
  mul,
  sub,
  where,
} from "./elementwise.ts";
import type { Builder } from "./operator.ts";
import type { ResizedDimension } from "./resize-taps.ts";
import { broadcastTo, iota, slice } from "./structure.ts";

/** A tap of every output along a dimension: which input it reads, i64, and its weight, f64, where that is not 1. */
interface TapValue {
  readonly positions: Value;
  readonly weights?: Value;
}

/** An operand: a value in f64, or a number. */
type Given = Value | number;
type Used = Parameters<Builder["apply"]>[0];

/** Applies operators to numbers of f64. */
const arithmetic =
  (builder: Builder) =>
  (operator: Used, ...operands: readonly Given[]): Value =>
    builder.apply(
      operator,
      operands.map((each) =>
        typeof each === "number" ? builder.constant({ dtype: "f64", shape: [] }, arrayFrom("f64", [each])) : each,
      ),
    );

/** Where the outputs along the `at`-th of the dimensions lie among the inputs, f64[to]: `placeOf` of "cropAndResize". */
export function placesIn(
  [starts, ends]: readonly [Value, Value],
  at: number,
  { from, to, scale }: ResizedDimension,
  builder: Builder,
): Value {
  const apply = arithmetic(builder);
  const one = (list: Value): Value => {
    const own = builder.apply(slice, [list], { starts: [at], ends: [at + 1], steps: [1] });
    return builder.apply(cast, [own], { dtype: "f64" });
  };
  const [start, end] = [one(starts), one(ends)];
  const width = scale === undefined ? to : scale * from;
  const length = apply(sub, end, start);
  const outputs = builder.apply(iota, [], { dtype: "f64", shape: [to], axis: 0 });
  const inRegion =
    width === 1
      ? apply(div, apply(mul, length, from - 1), 2)
      : apply(div, apply(mul, apply(mul, outputs, length), from - 1), width - 1);
  const places = apply(add, inRegion, apply(mul, start, from - 1));
  return builder.apply(broadcastTo, [places], { shape: [to] });
}

/** Which outputs lie outside of the input, bool[to]: `extrapolated`. */
export function outsideOf(places: Value, { from }: ResizedDimension, builder: Builder): Value {
  const apply = arithmetic(builder);
  return apply(logicalNot, apply(logicalAnd, apply(greaterEqual, places, 0), apply(lessEqual, places, from - 1)));
}

function nearestTo(places: Value, { rounding }: ResizedDimension, builder: Builder): Value {
  const apply = arithmetic(builder);
  switch (rounding) {
    case "floor":
      return apply(floor, places);
    case "ceil":
      return apply(ceil, places);
    case "preferFloor":
      return apply(ceil, apply(sub, places, 0.5));
    case "preferCeil":
      return apply(floor, apply(add, places, 0.5));
  }
}

/** Weights of the neighbours of places that lie `t` behind the first of two, or the second of four. */
function weightsBehind(t: Value, { mode, cubic: a }: ResizedDimension, builder: Builder): Value[] {
  const apply = arithmetic(builder);
  const rest = apply(sub, 1, t);
  if (mode === "linear") return [rest, t];
  const near = (d: Value) => apply(add, apply(mul, apply(mul, apply(sub, apply(mul, a + 2, d), a + 3), d), d), 1);
  const far = (d: Value) => {
    const slope = apply(add, apply(mul, apply(sub, apply(mul, a, d), 5 * a), d), 8 * a);
    return apply(sub, apply(mul, slope, d), 4 * a);
  };
  return [far(apply(add, 1, t)), near(t), near(rest), far(apply(sub, 2, t))];
}

/** The taps of outputs at these places: `tapsAlong`. */
export function tapsAt(places: Value, dimension: ResizedDimension, builder: Builder): TapValue[] {
  const { from, mode, excludeOutside } = dimension;
  const apply = arithmetic(builder);
  const last = from - 1;
  const read = (at: Value): Value =>
    builder.apply(cast, [apply(minimum, apply(maximum, at, 0), last)], { dtype: "i64" });
  if (mode === "nearest") return [{ positions: read(nearestTo(places, dimension, builder)) }];
  const low = apply(floor, places);
  const all = weightsBehind(apply(sub, places, low), dimension, builder);
  const first = mode === "linear" ? low : apply(sub, low, 1);
  const pixels = all.map((_, tap) => apply(add, first, tap));
  if (!excludeOutside) return all.map((weights, tap) => ({ positions: read(pixels[tap]!), weights }));
  const inside = all.map((weights, tap) => {
    const pixel = pixels[tap]!;
    return apply(where, apply(logicalAnd, apply(greaterEqual, pixel, 0), apply(lessEqual, pixel, last)), weights, 0);
  });
  const total = inside.reduce((sum, each) => apply(add, sum, each));
  // Where no pixel is inside, the place lies outside, and what is read is replaced.
  return inside.map((weights, tap) => ({ positions: read(pixels[tap]!), weights: apply(div, weights, total) }));
}
