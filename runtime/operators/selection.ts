// What is chosen by values, whose number is known at run time: positions of what is not zero, elements under a mask, different values.
import { z } from "zod";
import { type BoundedDimension, isBounded, mostOf, type Shape, sizeOf } from "../graph/dimension.ts";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  sameDimension,
  showDimension,
  showTensorType,
  type TensorType,
} from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { atMaximum } from "./bounded.ts";
import { floorDivide, remainder } from "./division.ts";
import { cast, equal, logicalOr, notEqual, sub, where } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { unravel, wholeNumber } from "./indexing.ts";
import { type Builder, type Nd, operandError, operator, type ResultTypes } from "./operator.ts";
import { argsort, requireOrdered } from "./ordering.ts";
import { cumsum } from "./running.ts";
import { indexPut } from "./scatter.ts";
import { boundedDimension, chosenSize, size, toMaximum, truncate } from "./sizes.ts";
import { broadcastTo, iota, reshape, slice } from "./structure.ts";

const i64: TensorType = { dtype: "i64", shape: [] };

/** Throws `operator/bounded` where a dimension may have more elements than there are to choose from. */
export function requireWithin(what: string, { max, name }: BoundedDimension, most: number): void {
  if (max > most)
    throw operandError(
      "bounded",
      `${what}: ${showDimension({ kind: "bounded", name, max })} may have more than the ${most} elements that there are`,
    );
}

/** x at its maximum, along one of its dimensions or along all, `value` behind what there is. */
export const filled = (x: Value, value: number, builder: Builder, axes = x.type.shape.map((_, d) => d)): Value =>
  axes.some((axis) => isBounded(x.type.shape[axis]!)) ? builder.apply(toMaximum, [x], { axes, value }) : x;

/** `most` positions of what is true in a mask[n], the first ones in order and zeros behind them; and how many are true. */
function chosenOf(mask: Value, most: number, builder: Builder): { readonly positions: Value; readonly count: Value } {
  const n = sizeOf(mask.type.shape[0]!);
  const none = builder.apply(broadcastTo, [wholeNumber(builder, 0)], { shape: [most] });
  if (n === 0) return { positions: none, count: wholeNumber(builder, 0) };
  const along = { axis: 0, exclusive: false, reverse: false };
  const running = builder.apply(cumsum, [builder.apply(cast, [mask], { dtype: "i64" })], along);
  const last = builder.apply(slice, [running], { starts: [n - 1], ends: [n], steps: [1] });
  // What is not chosen, and what comes after the most, goes to a place outside.
  const places = builder.apply(where, [
    mask,
    builder.apply(sub, [running, wholeNumber(builder, 1)]),
    wholeNumber(builder, most),
  ]);
  const numbers = builder.apply(iota, [], { dtype: "i64", shape: [n], axis: 0 });
  const positions = builder.apply(indexPut, [none, places, numbers], { axis: 0, mode: "set" });
  return { positions, count: builder.apply(reshape, [last], { shape: [] }) };
}

/** A mask of what is not zero. */
const maskOf = (x: Value, builder: Builder): Value =>
  x.type.dtype === "bool"
    ? x
    : builder.apply(notEqual, [x, builder.constant({ dtype: x.type.dtype, shape: [] }, arrayFrom(x.type.dtype, [0]))]);

const dimensionOnly = z.strictObject({ dimension: boundedDimension });
type DimensionOnly = z.infer<typeof dimensionOnly>;

const isTrue = (value: number | bigint | undefined): boolean => Number(value) !== 0;

/**
 * The indices of the elements of x that are not zero, in row-major order: [n, rank of x] of i64; and n. NaN is not zero.
 *
 * PyTorch's `nonzero`. x: any dtype, of one dimension at least. Exact.
 */
export const nonzero = operator({
  name: "nonzero",
  attributes: dimensionOnly,
  errorUlp: 0,
  infer([x], { dimension }): ResultTypes {
    const what = `nonzero of ${showTensorType(x!)}`;
    if (x!.shape.length === 0) throw operandError("shape", what, "it has one dimension at least: x.reshape([1])");
    requireWithin(what, dimension, countOf(x!.shape.map(mostOf)));
    return [{ dtype: "i64", shape: [chosenSize(dimension), x!.shape.length] }, i64];
  },
  count: ([x]) => [...x!.data].filter(isTrue).length,
  evaluate([x], _, first, second) {
    const chosen = [...x!.data.keys()].filter((at) => isTrue(x!.data[at]));
    chosen
      .flatMap((at) => unravel(at, x!.shape))
      .forEach((index, at) => {
        first.data[at] = BigInt(index);
      });
    second!.data[0] = BigInt(chosen.length);
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose([x], { dimension }, builder) {
      const mask = filled(maskOf(x!, builder), 0, builder);
      const shape = mask.type.shape.map(sizeOf);
      const flat = builder.apply(reshape, [mask], { shape: [countOf(shape)] });
      const { positions, count } = chosenOf(flat, dimension.max, builder);
      const column = builder.apply(reshape, [positions], { shape: [dimension.max, 1] });
      const numbers = (values: readonly number[]) =>
        builder.constant({ dtype: "i64", shape: [shape.length] }, arrayFrom("i64", values));
      const strides = numbers(shape.map((_, d) => Math.max(1, countOf(shape.slice(d + 1)))));
      const indices =
        shape.length === 1
          ? column
          : builder.apply(remainder, [
              builder.apply(floorDivide, [column, strides]),
              numbers(shape.map((each) => Math.max(1, each))),
            ]);
      const within = dimension.max === countOf(shape);
      return builder.results(truncate, [indices, count], { attributes: { axis: 0, dimension, within } });
    },
  },
});

/**
 * The slices of x along `axis` where a mask, bool[n], is true, in order; and how many there are. ONNX's `Compress`. Exact.
 */
export const compress = operator({
  name: "compress",
  attributes: z.strictObject({ axis: axisAttribute(), dimension: boundedDimension }),
  errorUlp: 0,
  moves: true,
  infer([x, mask], { axis, dimension }): ResultTypes {
    const what = `compress of ${showTensorType(x!)} by ${showTensorType(mask!)} along dimension ${axis}`;
    const fits = mask!.dtype === "bool" && mask!.shape.length === 1 && sameDimension(mask!.shape[0]!, x!.shape[axis]!);
    if (!fits) throw operandError("shape", what, "the mask has one bool for each slice along the dimension");
    requireWithin(what, dimension, mostOf(mask!.shape[0]!));
    return [{ dtype: x!.dtype, shape: x!.shape.with(axis, chosenSize(dimension)) }, i64];
  },
  count: ([, mask]) => [...mask!.data].filter(isTrue).length,
  evaluate([x, mask], { axis }, first, second) {
    const chosen = [...mask!.data.keys()].filter((at) => isTrue(mask!.data[at]));
    const positions: Nd = { dtype: "i64", shape: [chosen.length], data: arrayFrom("i64", chosen) };
    if (chosen.length > 0) indexSelect.evaluate([x!, positions], { axis }, first);
    second!.data[0] = BigInt(chosen.length);
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose([x, mask], { axis, dimension }, builder) {
      const all = filled(mask!, 0, builder);
      const { positions, count } = chosenOf(all, dimension.max, builder);
      const n = sizeOf(all.type.shape[0]!);
      const values = n === 0 ? x! : builder.apply(indexSelect, [filled(x!, 0, builder, [axis]), positions], { axis });
      const attributes = { axis, dimension, within: dimension.max === n };
      return builder.results(truncate, [values, count], { attributes });
    },
  },
});

/**
 * The different elements of x in ascending order, u of them; for each element of x the position of its own among these; how
 * often each occurs; and u. PyTorch's `unique`: every NaN differs from all others, and zeros of both signs are one, the first.
 *
 * x: any dtype but bool and halves. Exact.
 */
export const unique = operator<DimensionOnly>({
  name: "unique",
  attributes: dimensionOnly,
  errorUlp: 0,
  infer([x], { dimension }): ResultTypes {
    const what = `unique of ${showTensorType(x!)}`;
    requireOrdered("unique", x!);
    requireWithin(what, dimension, countOf(x!.shape.map(mostOf)));
    const shape = [chosenSize(dimension)];
    const counted: TensorType = { dtype: "i64", shape };
    return [{ dtype: x!.dtype, shape }, { dtype: "i64", shape: x!.shape }, counted, i64];
  },
  count: ([x]) => groupsOf(x!).length,
  evaluate([x], _, first, ...others) {
    const [inverse, counts, count] = others as [Nd, Nd, Nd];
    const groups = groupsOf(x!);
    groups.forEach((members, rank) => {
      first.data[rank] = x!.data[members[0]!]!;
      counts.data[rank] = BigInt(members.length);
      for (const at of members) inverse.data[at] = BigInt(rank);
    });
    count.data[0] = BigInt(groups.length);
  },
  bounded: ([x]) => (x!.shape.length > 1 && x!.shape.some(isBounded) ? undefined : atMaximum),
  lowering: {
    kind: "composite",
    decompose([x], { dimension }, builder) {
      const flat =
        x!.type.shape.length === 1 ? x! : builder.apply(reshape, [x!], { shape: [countOf(x!.type.shape.map(mostOf))] });
      const { shape } = flat.type;
      const n = mostOf(shape[0]!);
      const repeated = (value: number, of: Shape) =>
        builder.apply(broadcastTo, [wholeNumber(builder, value)], { shape: of });
      const order = builder.apply(argsort, [flat], { axis: 0, descending: false });
      const sorted = builder.apply(indexSelect, [flat, order], { axis: 0 });
      const numbers = builder.apply(iota, [], { dtype: "i64", shape, axis: 0 });
      const places = builder.apply(sub, [numbers, wholeNumber(builder, 1)]);
      const isNew = builder.apply(logicalOr, [
        builder.apply(notEqual, [sorted, n === 0 ? sorted : builder.apply(indexSelect, [sorted, places], { axis: 0 })]),
        builder.apply(equal, [numbers, wholeNumber(builder, 0)]),
      ]);
      const [values, count] = builder.results(compress, [sorted, isNew], { attributes: { axis: 0, dimension } });
      const along = { axis: 0, exclusive: false, reverse: false };
      const running = builder.apply(cumsum, [builder.apply(cast, [isNew], { dtype: "i64" })], along);
      const ranks = builder.apply(sub, [running, wholeNumber(builder, 1)]);
      const inverse = builder.apply(indexPut, [repeated(0, [n]), order, ranks], { axis: 0, mode: "set" });
      const occurrences = builder.apply(indexPut, [repeated(0, [dimension.max]), ranks, repeated(1, shape)], {
        axis: 0,
        mode: "add",
      });
      const firstOf = (all: Value, many: Value, own: BoundedDimension): Value =>
        builder.results(truncate, [all, many], { attributes: { axis: 0, dimension: own, within: true } })[0];
      const [own] = shape;
      return [
        values,
        isBounded(own!)
          ? firstOf(inverse, builder.apply(size, [x!], { axis: 0 }), own)
          : builder.apply(reshape, [inverse], { shape: x!.type.shape }),
        firstOf(occurrences, count!, dimension),
        count!,
      ];
    },
  },
});

/** The positions of equal elements, in ascending order of these. */
function groupsOf({ data }: Nd): number[][] {
  const order = [...data.keys()].sort((a, b) => {
    const [x, y] = [data[a]!, data[b]!];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
    return x < y ? -1 : Number(x > y);
  });
  const groups: number[][] = [];
  for (const at of order) {
    const last = groups.at(-1);
    if (last && data[last[0]!] === data[at]) last.push(at);
    else groups.push([at]);
  }
  return groups;
}
