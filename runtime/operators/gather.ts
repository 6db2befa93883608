// Reading slices and elements of a tensor at computed positions.
import { z } from "zod";
import { type Expression, generators, loop } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { countOf, sameDimension, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { atMaximum, boundedAlong } from "./bounded.ts";
import { cast, kindOf, minimum, sub } from "./elementwise.ts";
import { ravel, unravel, wholeNumber } from "./indexing.ts";
import { type Builder, type Operator, operandError, operator } from "./operator.ts";
import { size, toMaximum } from "./sizes.ts";

type LaneIndex = generators.LaneIndex;

/** Whether a tensor can say where to read or write: integers that fit i64. */
export const arePositions = ({ dtype }: TensorType): boolean => kindOf(dtype) === "integer" && dtype !== "u64";

/** x at computed positions along `axis`, moved to its ends where they lie outside; `others` are the indices of the rest. */
function readAt(
  { buffer, offset, strides, shape }: generators.View,
  axis: number,
  positions: generators.Source,
  at: readonly LaneIndex[],
  others: readonly LaneIndex[],
  lanes: number,
): Expression {
  // One position for all lanes leaves them neighbours, or as far apart as the others put them.
  const width = at.every(({ step }) => step === 0) ? 1 : lanes;
  const wanted = loop.convert(positions.at(at, width), "i64");
  const limit = shape[axis]! - 1;
  const raised = loop.select(loop.lt(wanted, 0), loop.constant("i64", 0, width), wanted);
  const position = loop.select(loop.gt(raised, limit), loop.constant("i64", limit, width), raised);
  const along = loop.mul(position, strides[axis]!);
  const { base, step } = generators.addressOf({ offset, strides: strides.filter((_, d) => d !== axis) }, others);
  if (width === 1 && (lanes === 1 || step === 1)) return loop.load(buffer, loop.add(base, along), lanes);
  if (step === 0 && width === 1) return loop.broadcast(loop.load(buffer, loop.add(base, along)), lanes);
  const start = step === 0 ? loop.broadcast(base, lanes) : loop.ramp(base, step, lanes);
  return loop.load(buffer, loop.add(start, loop.broadcast(along, lanes)));
}

/** What `used` reads of x, whose dimension `axis` is bounded, at positions that lie in front of its end. */
function inFrontOf(used: Operator, operands: readonly Value[], axis: number, builder: Builder): Value {
  const [x, positions] = operands as readonly [Value, Value];
  const last = builder.apply(sub, [builder.apply(size, [x], { axis }), wholeNumber(builder, 1)]);
  const within = builder.apply(minimum, [builder.apply(cast, [positions], { dtype: "i64" }), last]);
  return builder.apply(used, [builder.apply(toMaximum, [x], { axes: [axis], value: 0 }), within], { axis });
}

/**
 * x[…, positions, …] along `axis`: the dimension is replaced by those of `positions`, an integer tensor (not u64).
 *
 * Positions outside are moved to the nearest end. x: any dtype. Exact.
 */
export const indexSelect: Operator<{ readonly axis: number }> = operator({
  name: "indexSelect",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 0,
  moves: true,
  infer([x, positions], { axis }) {
    const size = x!.shape[axis];
    const shape = [...x!.shape.slice(0, axis), ...positions!.shape, ...x!.shape.slice(axis + 1)];
    if (!arePositions(positions!) || (size === 0 && !shape.includes(0))) {
      throw operandError(
        "shape",
        `indexSelect of ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`,
        "positions are integers (not u64), and the dimension is not empty",
      );
    }
    return { dtype: x!.dtype, shape };
  },
  evaluate([x, positions], { axis }, { data }) {
    const size = x!.shape[axis]!;
    const inner = countOf(x!.shape.slice(axis + 1));
    const count = positions!.data.length;
    // Of none there is zero, as at the maximum.
    for (let i = 0; i < data.length && size > 0; i++) {
      const outer = Math.floor(i / (inner * count));
      const wanted = Number(positions!.data[Math.floor(i / inner) % count]!);
      const at = Math.min(Math.max(wanted, 0), size - 1);
      data[i] = x!.data[(outer * size + at) * inner + (i % inner)]!;
    }
  },
  axes: {
    kept(axis, [, positions], { axis: along }) {
      if (axis === along) return undefined;
      return axis < along ? axis : axis + positions!.shape.length - 1;
    },
    blocked: (attributes) => attributes,
  },
  bounded: ([x], { axis }) =>
    boundedAlong(x!, [axis])
      ? { kind: "others", decompose: (operands, builder) => inFrontOf(indexSelect, operands, axis, builder) }
      : atMaximum,
  lowering: {
    kind: "source",
    inMemory: [0],
    repeats: true,
    source([x, positions], { axis }, shape) {
      const rank = positions!.shape.length;
      return {
        scalar: x!.scalar,
        shape,
        at: (index, lanes) =>
          readAt(
            x as generators.View,
            axis,
            positions!,
            index.slice(axis, axis + rank),
            [...index.slice(0, axis), ...index.slice(axis + rank)],
            lanes,
          ),
      };
    },
  },
});

/**
 * Element by element x[…, positions[…,i,…], …] along `axis`: x and `positions` (integers, not u64) agree in all other dimensions.
 *
 * Positions outside are moved to the nearest end. x: any dtype → its dtype in the shape of `positions`. Exact.
 */
export const gather: Operator<{ readonly axis: number }> = operator({
  name: "gather",
  attributes: z.strictObject({ axis: axisAttribute() }),
  errorUlp: 0,
  moves: true,
  infer([x, positions], { axis }) {
    const [from, to] = [x!.shape, positions!.shape];
    const fits = from.length === to.length && from.every((size, d) => d === axis || sameDimension(size, to[d]!));
    if (!arePositions(positions!) || !fits || (from[axis] === 0 && !to.includes(0))) {
      throw operandError(
        "shape",
        `gather of ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`,
        "positions are integers (not u64), and only that dimension, which is not empty, may differ",
      );
    }
    return { dtype: x!.dtype, shape: to };
  },
  evaluate([x, positions], { axis }, { data, shape }) {
    const size = x!.shape[axis]!;
    for (let i = 0; i < data.length && size > 0; i++) {
      const index = unravel(i, shape);
      index[axis] = Math.min(Math.max(Number(positions!.data[i]!), 0), size - 1);
      data[i] = x!.data[ravel(index, x!.shape)]!;
    }
  },
  bounded: ([x], { axis }) =>
    boundedAlong(x!, [axis])
      ? { kind: "others", decompose: (operands, builder) => inFrontOf(gather, operands, axis, builder) }
      : atMaximum,
  lowering: {
    kind: "source",
    inMemory: [0],
    repeats: true,
    source: ([x, positions], { axis }, shape) => ({
      scalar: x!.scalar,
      shape,
      at: (index, lanes) =>
        readAt(
          x as generators.View,
          axis,
          positions!,
          index,
          [...index.slice(0, axis), ...index.slice(axis + 1)],
          lanes,
        ),
    }),
  },
});
