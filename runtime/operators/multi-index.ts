// Reading and writing at positions over several dimensions at once.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  type Dimension,
  sameShape,
  sameType,
  showShape,
  showTensorType,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
import { add, cast, greaterEqual, kindOf, less, logicalAnd, maximum, minimum, mul, where } from "./elementwise.ts";
import { indexSelect } from "./gather.ts";
import { unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { indexPut } from "./scatter.ts";
import { iota, reshape, slice } from "./structure.ts";

/** How many dimensions the last one of `positions` names. Throws where there are none such. */
function indexedDimensions(shown: string, x: TensorType, positions: TensorType): number {
  const depth = positions.shape.at(-1);
  const fits = kindOf(positions.dtype) === "integer" && positions.dtype !== "u64" && typeof depth === "number";
  if (fits && depth >= 1 && depth <= x.shape.length) return depth;
  throw operandError(
    "shape",
    shown,
    `positions are integers (not u64) in [… ,k], k from 1 to ${x.shape.length}, one for each of the first k dimensions`,
  );
}

/** Works on i64 values. */
function integers(builder: Builder) {
  const number = (value: number): Value => builder.constant({ dtype: "i64", shape: [] }, arrayFrom("i64", [value]));
  const binary = (used: Operator) => (a: Value, b: Value | number) =>
    builder.apply(used, [a, typeof b === "number" ? number(b) : b]);
  return { number, binary };
}

/** The positions along each of the first dimensions, in i64. */
function columns(positions: Value, builder: Builder): Value[] {
  const shape = staticShape(positions.type.shape);
  const outer = shape.slice(0, -1);
  return Array.from({ length: shape.at(-1)! }, (_, k) => {
    const column = builder.apply(slice, [positions], {
      starts: [...outer.map(() => 0), k],
      ends: [...outer, k + 1],
      steps: shape.map(() => 1),
    });
    return builder.apply(cast, [builder.apply(reshape, [column], { shape: outer })], { dtype: "i64" });
  });
}

/** Row-major places among the first dimensions of x. */
function places(positions: readonly Value[], sizes: readonly number[], builder: Builder): Value {
  const { binary } = integers(builder);
  return positions.map((each, k) => binary(mul)(each, countOf(sizes.slice(k + 1)))).reduce((a, b) => binary(add)(a, b));
}

const flattened = (x: Value, depth: number, builder: Builder): Value => {
  const shape = staticShape(x.type.shape);
  return builder.apply(reshape, [x], { shape: [countOf(shape.slice(0, depth)), ...shape.slice(depth)] });
};

/** The place among the first dimensions of x that the i-th row of positions names; `outside` where one lies outside. */
function placeOf(x: Nd, positions: Nd, i: number, clamped: boolean): number | undefined {
  const depth = positions.shape.at(-1)!;
  let place = 0;
  for (let k = 0; k < depth; k++) {
    const [position, size] = [Number(positions.data[i * depth + k]!), x.shape[k]!];
    if (!clamped && (position < 0 || position >= size)) return undefined;
    place = place * size + Math.min(Math.max(position, 0), size - 1);
  }
  return place;
}

const gatherAttributes = z.strictObject({ batchDims: z.int().min(0).default(0) });

/** Positions in which each row says first where in the batch it stands. */
function withBatch(positions: Nd, batchDims: number): Nd {
  if (batchDims === 0) return positions;
  const outer = positions.shape.slice(0, -1);
  const depth = positions.shape.at(-1)!;
  const rows = Array.from({ length: countOf(outer) }, (_, row) => [
    ...unravel(row, outer).slice(0, batchDims).map(BigInt),
    ...Array.from({ length: depth }, (__, k) => BigInt(positions.data[row * depth + k]!)),
  ]);
  return { dtype: "i64", shape: [...outer, batchDims + depth], data: arrayFrom("i64", rows.flat()) };
}

/**
 * x[positions[…,0], …, positions[…,k−1]]: for each row of positions (integers, not u64) the element, or the slice, that they
 * name in the first k dimensions. x: any dtype → its dtype in […, the other dimensions].
 *
 * With `batchDims` b, the first b dimensions of x and of positions are the same, and each row names k dimensions behind them, of
 * its own part of the batch (ONNX's GatherND). Positions outside are moved to the nearest end. Exact.
 */
export const gatherND: Operator<z.infer<typeof gatherAttributes>> = operator({
  name: "gatherND",
  attributes: gatherAttributes,
  errorUlp: 0,
  moves: true,
  infer([x, positions], { batchDims }) {
    const shown = `gatherND of ${showTensorType(x!)} at ${showTensorType(positions!)}`;
    const batch = positions!.shape.slice(0, batchDims);
    if (batchDims >= positions!.shape.length || !sameShape(batch, x!.shape.slice(0, batchDims)))
      throw operandError("shape", shown, `with batchDims ${batchDims}, that many dimensions of both are the same`);
    const part = { dtype: x!.dtype, shape: x!.shape.slice(batchDims) };
    const depth = batchDims + indexedDimensions(shown, part, positions!);
    if (x!.shape.slice(batchDims, depth).includes(0))
      throw operandError("shape", shown, "a dimension in which positions are named is not empty");
    return { dtype: x!.dtype, shape: [...positions!.shape.slice(0, -1), ...x!.shape.slice(depth)] };
  },
  evaluate([x, given], { batchDims }, { data }) {
    const positions = withBatch(given!, batchDims);
    const inner = countOf(x!.shape.slice(positions.shape.at(-1)!));
    for (let i = 0; i < data.length; i++)
      data[i] = x!.data[placeOf(x!, positions, Math.floor(i / inner), true)! * inner + (i % inner)]!;
  },
  lowering: {
    kind: "composite",
    decompose([x, positions], { batchDims }, builder) {
      const outer = staticShape(positions!.type.shape).slice(0, -1);
      const depth = batchDims + Number(positions!.type.shape.at(-1)!);
      const sizes = staticShape(x!.type.shape).slice(0, depth);
      const { binary } = integers(builder);
      const batch = Array.from({ length: batchDims }, (_, axis) =>
        builder.apply(iota, [], { dtype: "i64", shape: outer, axis }),
      );
      const named = columns(positions!, builder).map((each, k) =>
        binary(minimum)(binary(maximum)(each, 0), sizes[batchDims + k]! - 1),
      );
      const at = places([...batch, ...named], sizes, builder);
      return builder.apply(indexSelect, [flattened(x!, depth, builder), at], { axis: 0 });
    },
  },
});

const modes = ["set", "add", "max", "min"] as const;

/**
 * x in which the element, or the slice, that each row of positions (integers, not u64) names in the first k dimensions takes
 * its update: "set", "add", "max" or "min", in order, so that of several "set"s the last stays.
 *
 * Where a position lies outside nothing is taken. x: any dtype, bool only with "set"; updates: […, the other dimensions].
 * Error of "add": one ulp of Σ|x| per update; the others are exact.
 */
export const scatterND: Operator<{ readonly mode: (typeof modes)[number] }> = operator({
  name: "scatterND",
  attributes: z.strictObject({ mode: z.enum(modes) }),
  errorUlp: 1,
  infer([x, positions, updates], { mode }) {
    const shown = `scatterND of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)}`;
    const depth = indexedDimensions(shown, x!, positions!);
    const wanted: Dimension[] = [...positions!.shape.slice(0, -1), ...x!.shape.slice(depth)];
    if (!sameType(updates!, { dtype: x!.dtype, shape: wanted }))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(wanted)}`);
    if (x!.dtype === "bool" && mode !== "set")
      throw operandError("dtype", `scatterND "${mode}" is not defined on bool`, "convert the operand with .cast()");
    return { dtype: x!.dtype, shape: x!.shape };
  },
  evaluate([x, positions, updates], { mode }, result) {
    const depth = positions!.shape.at(-1)!;
    const rows = countOf(positions!.shape.slice(0, -1));
    const flat = countOf(x!.shape.slice(0, depth));
    const at = Array.from({ length: rows }, (_, i) => BigInt(placeOf(x!, positions!, i, false) ?? -1));
    const shape = [flat, ...x!.shape.slice(depth)];
    indexPut.evaluate(
      [
        { ...x!, shape },
        { dtype: "i64", shape: [rows], data: arrayFrom("i64", at) },
        { ...updates!, shape: [rows, ...shape.slice(1)] },
      ],
      { axis: 0, mode },
      { ...result, shape },
    );
  },
  magnitude([x, positions, updates], { mode }, result) {
    if (mode !== "add") return new Float64Array(result.data.length);
    const absolute = (of: Nd): Nd => ({ ...of, data: Float64Array.from(of.data as ArrayLike<number>, Math.abs) });
    const data = new Float64Array(result.data.length);
    scatterND.evaluate([absolute(x!), positions!, absolute(updates!)], { mode }, { ...result, dtype: "f64", data });
    return data.map((each) => each * countOf(positions!.shape.slice(0, -1)));
  },
  lowering: {
    kind: "composite",
    decompose([x, positions, updates], { mode }, builder) {
      const depth = Number(positions!.type.shape.at(-1)!);
      const shape = staticShape(x!.type.shape);
      const sizes = shape.slice(0, depth);
      const { binary, number } = integers(builder);
      const positionsOf = columns(positions!, builder);
      const inside = positionsOf
        .map((each, k) => builder.apply(logicalAnd, [binary(greaterEqual)(each, 0), binary(less)(each, sizes[k]!)]))
        .reduce((a, b) => builder.apply(logicalAnd, [a, b]));
      const at = builder.apply(where, [inside, places(positionsOf, sizes, builder), number(-1)]);
      const written = builder.apply(indexPut, [flattened(x!, depth, builder), at, updates!], { axis: 0, mode });
      return builder.apply(reshape, [written], { shape });
    },
  },
});
