// Non-maximum suppression: of boxes that overlap, those with the best scores.
import { z } from "zod";
import { mostOf, sizeOf } from "../graph/dimension.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, isScalar, sameDimension, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { atMaximum } from "./bounded.ts";
import { argmax } from "./composite.ts";
import { whileLoop } from "./control.ts";
import {
  add,
  cast,
  div,
  greater,
  lessEqual,
  logicalAnd,
  logicalNot,
  maximum,
  minimum,
  mul,
  notEqual,
  sub,
} from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { wholeNumber } from "./indexing.ts";
import { anyNumber, type Builder, type Nd, operandError, operator, type ResultTypes } from "./operator.ts";
import { argsort } from "./ordering.ts";
import { any } from "./reduction.ts";
import { regionOf } from "./region.ts";
import { indexPut } from "./scatter.ts";
import { filled, requireWithin } from "./selection.ts";
import { boundedDimension, chosenSize, truncate } from "./sizes.ts";
import { broadcastTo, iota, reshape, slice } from "./structure.ts";

const attributes = z.strictObject({
  /** Unless it is an operand. */
  iouThreshold: anyNumber.optional(),
  /** Boxes whose score is not above it are left out. */
  scoreThreshold: anyNumber.optional(),
  /** No more than the best so many are kept. */
  limit: z.int().min(1).optional(),
  dimension: boundedDimension,
});
type Attributes = z.infer<typeof attributes>;

/** Arithmetic of a dtype on numbers. */
const roundingOf = (dtype: TensorType["dtype"]): ((value: number) => number) =>
  dtype === "f32" ? Math.fround : (value) => value;

/** The positions of the boxes that are kept, best first. */
function kept(
  [boxes, scores, threshold]: readonly Nd[],
  { iouThreshold, scoreThreshold, limit = Infinity }: Attributes,
): number[] {
  const most = threshold ? Number(threshold.data[0]) : iouThreshold!;
  const r = roundingOf(boxes!.dtype);
  const score = (at: number) => Number(scores!.data[at]!);
  const corner = (at: number, which: number) => Number(boxes!.data[4 * at + which]!);
  const area = (at: number) => r(r(corner(at, 2) - corner(at, 0)) * r(corner(at, 3) - corner(at, 1)));
  const both = (a: number, b: number, low: number) =>
    Math.max(0, r(Math.min(corner(a, low + 2), corner(b, low + 2)) - Math.max(corner(a, low), corner(b, low))));
  const isOver = (a: number, b: number): boolean => {
    const shared = r(both(a, b, 0) * both(a, b, 1));
    return r(shared / r(r(area(a) + area(b)) - shared)) > r(most);
  };
  const order = [...scores!.data.keys()]
    .filter((at) => scoreThreshold === undefined || score(at) > r(scoreThreshold))
    .sort((a, b) => {
      if (Number.isNaN(score(a)) || Number.isNaN(score(b)))
        return Number(Number.isNaN(score(a))) - Number(Number.isNaN(score(b)));
      return score(a) > score(b) ? -1 : Number(score(a) < score(b));
    });
  const best: number[] = [];
  for (const at of order) if (best.length < limit && !best.some((other) => isOver(other, at))) best.push(at);
  return best;
}

/**
 * The positions of boxes[n,4] (x1, y1, x2, y2) that no better box overlaps by more than `iouThreshold` of their union, best score
 * first, as i64; and how many there are. Torchvision's `nms`: of equal scores the first is better; scores that are NaN are worst.
 *
 * boxes, scores[n]: f32, or f64. A third operand of their dtype, one number, is the threshold instead. Computed, and compared, in their dtype. Exact.
 */
export const nonMaxSuppression = operator<Attributes>({
  name: "nonMaxSuppression",
  attributes,
  errorUlp: 0,
  infer([boxes, scores, threshold], { dimension, iouThreshold }): ResultTypes {
    const what = `nonMaxSuppression of ${showTensorType(boxes!)} with scores ${showTensorType(scores!)}`;
    const [n, corners] = boxes!.shape;
    const fits =
      boxes!.shape.length === 2 && corners === 4 && scores!.shape.length === 1 && sameDimension(n!, scores!.shape[0]!);
    const isFloat = boxes!.dtype === "f32" || boxes!.dtype === "f64";
    if (!fits || !isFloat || scores!.dtype !== boxes!.dtype)
      throw operandError("shape", what, "boxes are [n,4], scores [n], both f32 or f64");
    if (threshold ? !isScalar(threshold, boxes!.dtype) : iouThreshold === undefined)
      throw operandError("shape", what, `the threshold is a number, or one ${boxes!.dtype}`);
    requireWithin(what, dimension, mostOf(n!));
    return [
      { dtype: "i64", shape: [chosenSize(dimension)] },
      { dtype: "i64", shape: [] },
    ];
  },
  count: (operands, given) => kept(operands, given).length,
  evaluate(operands, given, first, second) {
    const best = kept(operands, given);
    best.forEach((at, rank) => {
      first.data[rank] = BigInt(at);
    });
    second!.data[0] = BigInt(best.length);
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose([boxes, scores, asked], given, builder) {
      const { dimension } = given;
      const [all, alive] = candidates(boxes!, scores!, given, builder);
      const n = sizeOf(all.type.shape[0]!);
      const number = wholes(builder);
      const none = builder.apply(broadcastTo, [number(0)], { shape: [dimension.max] });
      const truncated = (positions: Value, count: Value) => {
        const within = dimension.max >= Math.min(n, given.limit ?? n);
        return builder.results(truncate, [positions, count], { attributes: { axis: 0, dimension, within } });
      };
      if (n === 0) return truncated(none, number(0));
      const [numbers, order] = ordered(filled(scores!, 0, builder), builder);
      const best = builder.apply(indexSelect, [all, order], { axis: 0 });
      const left = builder.apply(indexSelect, [alive, order], { axis: 0 });
      const operands = [number(0), none, left, best, order, numbers, ...(asked ? [asked] : [])];
      const types = operands.map(({ type }) => type);
      const [count, positions] = builder.results(whileLoop, operands, {
        attributes: { atMost: Math.min(n, given.limit ?? n) },
        regions: [
          regionOf("condition", types, ([turn, , left], inner) => [goesOn(turn!, left!, given, inner)]),
          regionOf("body", types, (inputs, inner) => oneKept(inputs, given, inner)),
        ],
      });
      return truncated(positions!, count);
    },
  },
});

const wholes =
  (builder: Builder) =>
  (value: number): Value =>
    wholeNumber(builder, value);

/** The boxes, and which of them may be kept. */
function candidates(boxes: Value, scores: Value, { scoreThreshold }: Attributes, builder: Builder): [Value, Value] {
  const { dtype, shape } = scores.type;
  const one = builder.constant({ dtype: "bool", shape: [] }, arrayFrom("bool", [1]));
  const alive =
    scoreThreshold === undefined
      ? builder.apply(broadcastTo, [one], { shape })
      : builder.apply(greater, [scores, builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [scoreThreshold]))]);
  return [filled(boxes, 0, builder), filled(alive, 0, builder)];
}

/** 0, 1, 2, …, and the positions of scores in descending order. */
function ordered(scores: Value, builder: Builder): [Value, Value] {
  const numbers = builder.apply(iota, [], { dtype: "i64", shape: scores.type.shape, axis: 0 });
  return [numbers, builder.apply(argsort, [scores], { axis: 0, descending: true })];
}

/** Whether a box is left, and one more may be kept. */
function goesOn(turn: Value, left: Value, { limit }: Attributes, builder: Builder): Value {
  const some = builder.apply(any, [left], { axes: [0], keepDims: false });
  if (limit === undefined) return some;
  return builder.apply(logicalAnd, [some, builder.apply(lessEqual, [turn, wholes(builder)(limit - 1)])]);
}

/** Keeps the best of the boxes that are left, and strikes it out together with those that it overlaps. */
function oneKept(inputs: readonly Value[], { iouThreshold }: Attributes, builder: Builder): Value[] {
  const [turn, positions, left, boxes, order, numbers] = inputs as [Value, Value, Value, Value, Value, Value];
  const asked = inputs.slice(6);
  const binary = (used: Parameters<Builder["apply"]>[0]) => (a: Value, b: Value) => builder.apply(used, [a, b]);
  const [low, high, minus, times] = [binary(maximum), binary(minimum), binary(sub), binary(mul)];
  const { dtype } = boxes.type;
  const n = sizeOf(boxes.type.shape[0]!);
  const zero = builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [0]));
  const first = builder.apply(argmax, [builder.apply(cast, [left], { dtype: "u8" })], { axis: 0 });
  const corners = [0, 1, 2, 3].map((which) => {
    const column = builder.apply(slice, [boxes], { starts: [0, which], ends: [n, which + 1], steps: [1, 1] });
    return builder.apply(reshape, [column], { shape: [n] });
  }) as [Value, Value, Value, Value];
  const own = corners.map((each) => builder.apply(indexSelect, [each, first], { axis: 0 })) as typeof corners;
  const areaOf = ([x1, y1, x2, y2]: typeof corners) => times(minus(x2, x1), minus(y2, y1));
  const both = (at: 0 | 1) => low(minus(high(own[at + 2]!, corners[at + 2]!), low(own[at]!, corners[at]!)), zero);
  const shared = times(both(0), both(1));
  const union = minus(builder.apply(add, [areaOf(own), areaOf(corners)]), shared);
  const threshold = asked[0] ?? builder.constant({ dtype, shape: [] }, arrayFrom(dtype, [iouThreshold!]));
  const over = builder.apply(greater, [builder.apply(div, [shared, union]), threshold]);
  const others = builder.apply(logicalAnd, [
    builder.apply(logicalNot, [over]),
    builder.apply(notEqual, [numbers, first]),
  ]);
  const place = builder.apply(reshape, [turn], { shape: [1] });
  const found = builder.apply(reshape, [builder.apply(indexSelect, [order, first], { axis: 0 })], { shape: [1] });
  const next = builder.apply(indexPut, [positions, place, found], { axis: 0, mode: "set" });
  const more = builder.apply(add, [turn, wholes(builder)(1)]);
  return [more, next, builder.apply(logicalAnd, [left, others]), boxes, order, numbers, ...asked];
}
