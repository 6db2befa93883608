// Rearrangements made of simpler ones: flip, roll, tile, padding with copies, one-hot.
import { z } from "zod";
import { type Dtype, dtypes, type generators, loop } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { arrayFrom, showTensorType, sizeOf, staticShape, sumOf, type TensorType } from "../graph/tensor-type.ts";
import { axesAttribute, perDimension } from "./axis.ts";
import { atMaximum, unlessAlong, widened } from "./bounded.ts";
import { cast, equal, kindOf } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, operandError, operator } from "./operator.ts";
import { broadcastTo, concat, iota, reshape, slice } from "./structure.ts";

/** Fills `result` with the elements of x at an index made of each of its own. */
function rearrange(x: Nd, result: Nd, from: (index: readonly number[]) => readonly number[]): void {
  for (let i = 0; i < result.data.length; i++) result.data[i] = x.data[ravel(from(unravel(i, result.shape)), x.shape)]!;
}

/** x with its elements in reverse along `axes`. Any dtype. Exact. */
export const flip = operator({
  name: "flip",
  attributes: z.strictObject({ axes: axesAttribute() }),
  errorUlp: 0,
  moves: true,
  infer: ([x]) => ({ dtype: x!.dtype, shape: x!.shape }),
  evaluate: ([x], { axes }, result) =>
    rearrange(x!, result, (index) => index.map((each, d) => (axes.includes(d) ? x!.shape[d]! - 1 - each : each))),
  bounded: (operands, { axes }) => unlessAlong(operands, axes),
  lowering: {
    kind: "source",
    inMemory: [],
    source: ([x], { axes }, shape) => ({
      scalar: x!.scalar,
      shape,
      at: (index, lanes) =>
        x!.at(
          index.map(
            ({ base, step }, d): generators.LaneIndex =>
              axes.includes(d) ? { base: loop.sub(shape[d]! - 1, base), step: step === 0 ? 0 : -step } : { base, step },
          ),
          lanes,
        ),
    }),
  },
});

/** Part of x along one dimension. */
function part(x: Value, axis: number, start: number, end: number, builder: Builder): Value {
  const shape = staticShape(x.type.shape);
  return builder.apply(slice, [x], {
    starts: shape.map((_, d) => (d === axis ? start : 0)),
    ends: shape.map((size, d) => (d === axis ? end : size)),
    steps: shape.map(() => 1),
  });
}

const modulo = (a: number, n: number): number => ((a % n) + n) % n;

/** x with its elements moved on by shifts[i] along axes[i]; what leaves at one end comes in at the other. Any dtype. Exact. */
export const roll = operator({
  name: "roll",
  attributes: z.strictObject({ shifts: z.array(z.int()).readonly(), axes: axesAttribute() }),
  errorUlp: 0,
  moves: true,
  infer([x], { shifts, axes }) {
    if (shifts.length === axes.length) return x!;
    throw operandError(
      "ranges",
      `roll of ${showTensorType(x!)}: ${shifts.length} shifts along ${axes.length} dimensions`,
      "give one shift for each dimension that is named",
    );
  },
  evaluate: ([x], { shifts, axes }, result) =>
    rearrange(x!, result, (index) =>
      index.map((each, d) => (axes.includes(d) ? modulo(each - shifts[axes.indexOf(d)]!, x!.shape[d]!) : each)),
    ),
  bounded: (operands, { axes }) => unlessAlong(operands, axes),
  lowering: {
    kind: "composite",
    decompose: ([x], { shifts, axes }, builder) =>
      axes.reduce((value, axis, at) => {
        const size = Number(value.type.shape[axis]!);
        const by = size === 0 ? 0 : modulo(shifts[at]!, size);
        if (by === 0) return value;
        const [head, tail] = [part(value, axis, 0, size - by, builder), part(value, axis, size - by, size, builder)];
        return builder.apply(concat, [tail, head], { axis });
      }, x!),
  },
});

/** x repeated `repeats[d]` times along each dimension d, one copy behind the other. Any dtype. Exact. */
export const tile = operator({
  name: "tile",
  attributes: z.strictObject({ repeats: perDimension(0) }),
  errorUlp: 0,
  moves: true,
  infer: ([x], { repeats }) => ({
    dtype: x!.dtype,
    shape: x!.shape.map((size, d) => (repeats[d] === 1 ? size : sizeOf(size) * repeats[d]!)),
  }),
  evaluate: ([x], _, result) => rearrange(x!, result, (index) => index.map((each, d) => each % x!.shape[d]!)),
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose([x], { repeats }, builder) {
      const shape = staticShape(x!.type.shape);
      const apart = builder.apply(reshape, [x!], { shape: shape.flatMap((size) => [1, size]) });
      const repeated = builder.apply(broadcastTo, [apart], {
        shape: shape.flatMap((size, d) => [repeats[d]!, size]),
      });
      return builder.apply(reshape, [repeated], { shape: shape.map((size, d) => size * repeats[d]!) });
    },
  },
});

const copies = ["reflect", "replicate", "circular"] as const;
type Copies = (typeof copies)[number];

/** Which of `size` elements stands at a place before, in or behind them. */
function copiedFrom(place: number, size: number, mode: Copies): number {
  if (mode === "circular") return modulo(place, size);
  if (mode === "replicate") return Math.min(Math.max(place, 0), size - 1);
  if (size === 1) return 0;
  const turned = modulo(place, 2 * (size - 1));
  return turned < size ? turned : 2 * (size - 1) - turned;
}

/**
 * x with `before` and `after` copies of its elements added along each dimension. Any dtype. Exact.
 *
 * "reflect" mirrors at the first and the last element, which are not repeated, "replicate" repeats these, "circular" goes on
 * with the elements of the other end. Widths may be larger than the dimension, which must not be empty.
 */
export const padCopies = operator({
  name: "padCopies",
  attributes: z.strictObject({ before: perDimension(0), after: perDimension(0), mode: z.enum(copies) }),
  errorUlp: 0,
  moves: true,
  infer([x], { before, after, mode }) {
    const { shape } = x!;
    const empty = shape.findIndex((size, d) => size === 0 && before[d]! + after[d]! > 0);
    if (empty >= 0)
      throw operandError(
        "shape",
        `pad of ${showTensorType(x!)}: there is nothing to ${mode} along dimension ${empty}`,
        'pad with a number: mode "constant"',
      );
    return { dtype: x!.dtype, shape: shape.map((size, d) => sumOf([before[d]!, size, after[d]!])) };
  },
  evaluate: ([x], { before, mode }, result) =>
    rearrange(x!, result, (index) => index.map((each, d) => copiedFrom(each - before[d]!, x!.shape[d]!, mode))),
  bounded: (operands, { before, after }) => unlessAlong(operands, widened(before, after)),
  lowering: {
    kind: "composite",
    decompose: ([x], { before, after, mode }, builder) =>
      before.reduce((value, width, axis) => {
        const size = Number(value.type.shape[axis]!);
        if (width + after[axis]! === 0) return value;
        const places = Array.from({ length: width + size + after[axis]! }, (_, i) => copiedFrom(i - width, size, mode));
        const positions = builder.constant({ dtype: "i64", shape: [places.length] }, arrayFrom("i64", places));
        return builder.apply(indexSelect, [value, positions], { axis });
      }, x!),
  },
});

/** 1 at the class that each integer of x names, 0 elsewhere: x[…] → […, count] of `dtype`; none where there is no such class. */
export const oneHot = operator({
  name: "oneHot",
  attributes: z.strictObject({ count: z.int().min(0), dtype: z.enum(dtypes) }),
  errorUlp: 0,
  infer([x], { count, dtype }): TensorType<Dtype> {
    if (kindOf(x!.dtype) !== "integer")
      throw operandError("dtype", `oneHot of ${showTensorType(x!)}`, "classes are integers; convert with .cast()");
    return { dtype, shape: [...x!.shape, count] };
  },
  evaluate([x], { count }, { data }) {
    const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
    for (let i = 0; i < data.length; i++) {
      const hit = BigInt(x!.data[Math.floor(i / count)]!) === BigInt(i % count);
      if (big) data[i] = BigInt(hit);
      else data[i] = Number(hit);
    }
  },
  bounded: () => atMaximum,
  lowering: {
    kind: "composite",
    decompose([x], { count, dtype }, builder) {
      const shape = staticShape(x!.type.shape);
      const wide = x!.type.dtype === "u64" ? "u64" : "i64";
      const column = builder.apply(reshape, [builder.apply(cast, [x!], { dtype: wide })], { shape: [...shape, 1] });
      const classes = builder.apply(iota, [], { dtype: wide, shape: [count], axis: 0 });
      return builder.apply(cast, [builder.apply(equal, [column, classes])], { dtype });
    },
  },
});
