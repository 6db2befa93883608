// Reading and writing at positions over several dimensions at once, and writing element by element.
import { z } from "zod";
import type { Value } from "../graph/graph.ts";
import {
  arrayFrom,
  countOf,
  type Dimension,
  sameDimension,
  sameShape,
  sameType,
  showShape,
  showTensorType,
  staticShape,
  type TensorType,
} from "../graph/tensor-type.ts";
import { add, cast, greaterEqual, less, logicalAnd, maximum, minimum, mul, where } from "./elementwise.ts";
import { arePositions, indexSelect } from "./gather.ts";
import { ravel, unravel, wholeNumber } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import {
  alongAttributes,
  indexPut,
  requireMode,
  requirePositions,
  type WritingMode,
  writingModes,
  writtenMagnitude,
} from "./scatter.ts";
import { iota, reshape, slice } from "./structure.ts";

/** How many dimensions the last one of `positions` names. Throws where there are none such. */
function indexedDimensions(shown: string, x: TensorType, positions: TensorType): number {
  const depth = positions.shape.at(-1);
  const fits = arePositions(positions) && typeof depth === "number";
  if (fits && depth >= 1 && depth <= x.shape.length) return depth;
  throw operandError(
    "shape",
    shown,
    `positions are integers (not u64) in [… ,k], k from 1 to ${x.shape.length}, one for each of the first k dimensions`,
  );
}

/** Works on i64 values. */
function integers(builder: Builder) {
  const number = (value: number): Value => wholeNumber(builder, value);
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

/** Positions along one dimension, and whether they may lie outside of it. */
interface Column {
  readonly positions: Value;
  readonly mayBeOutside: boolean;
}

/** An operator that writes elements or slices of x, each at a place in its first dimensions, in order. */
interface Writing<A> {
  readonly name: string;
  readonly attributes: z.ZodType<A>;
  infer(operands: readonly TensorType[], attributes: A): TensorType;
  /** How many first dimensions of x a place is in. */
  depth(positions: readonly Dimension[]): number;
  /** The row-major place of each update, undefined where it lies outside. */
  placesOf(x: Nd, positions: Nd, attributes: A): readonly (number | undefined)[];
  /** The positions along each of these dimensions. */
  columnsOf(positions: Value, attributes: A, builder: Builder): readonly Column[];
}

/** What writes at places is `indexPut` of x with its first dimensions as one. */
function writing<A extends { readonly mode: WritingMode }>({
  name,
  attributes,
  infer,
  depth,
  placesOf,
  columnsOf,
}: Writing<A>): Operator<A> {
  const made: Operator<A> = operator<A>({
    name,
    attributes,
    errorUlp: 1,
    infer,
    evaluate([x, positions, updates], given, result) {
      const places = placesOf(x!, positions!, given);
      const at = arrayFrom(
        "i64",
        places.map((place) => BigInt(place ?? -1)),
      );
      const first = depth(positions!.shape);
      const shape = [countOf(x!.shape.slice(0, first)), ...x!.shape.slice(first)];
      indexPut.evaluate(
        [
          { ...x!, shape },
          { dtype: "i64", shape: [places.length], data: at },
          { ...updates!, shape: [places.length, ...shape.slice(1)] },
        ],
        { axis: 0, mode: given.mode },
        { ...result, shape },
      );
    },
    magnitude(operands, given, result) {
      const [x, positions, updates] = operands as [Nd, Nd, Nd];
      const behind = x.shape.length - depth(positions.shape);
      const places = countOf(updates.shape.slice(0, updates.shape.length - behind));
      return writtenMagnitude(operands, given.mode, result, places, (absolute, into) =>
        made.evaluate(absolute, given, into),
      );
    },
    lowering: {
      kind: "composite",
      decompose([x, positions, updates], given, builder) {
        const shape = staticShape(x!.type.shape);
        const first = depth(positions!.type.shape);
        const sizes = shape.slice(0, first);
        const { binary, number } = integers(builder);
        const columns = columnsOf(positions!, given, builder);
        const inside = columns
          .flatMap(({ positions: at, mayBeOutside }, d) => (mayBeOutside ? [{ at, size: sizes[d]! }] : []))
          .map(({ at, size }) => builder.apply(logicalAnd, [binary(greaterEqual)(at, 0), binary(less)(at, size)]))
          .reduce((a, b) => builder.apply(logicalAnd, [a, b]));
        const all = columns.map(({ positions: at }) => at);
        const at = builder.apply(where, [inside, places(all, sizes, builder), number(-1)]);
        const operands = [flattened(x!, first, builder), at, updates!];
        const written = builder.apply(indexPut, operands, { axis: 0, mode: given.mode });
        return builder.apply(reshape, [written], { shape });
      },
    },
  });
  return made;
}

/**
 * x in which the element, or the slice, that each row of positions (integers, not u64) names in the first k dimensions takes
 * its update: "set", "add", "max" or "min", in order, so that of several "set"s the last stays.
 *
 * Where a position lies outside nothing is taken. x: any dtype, bool only with "set"; updates: […, the other dimensions].
 * Error of "add": one ulp of Σ|x| per update; the others are exact.
 */
export const scatterND = writing<{ readonly mode: WritingMode }>({
  name: "scatterND",
  attributes: z.strictObject({ mode: z.enum(writingModes) }),
  infer([x, positions, updates], { mode }) {
    const shown = `scatterND of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)}`;
    const depth = indexedDimensions(shown, x!, positions!);
    const wanted: Dimension[] = [...positions!.shape.slice(0, -1), ...x!.shape.slice(depth)];
    if (!sameType(updates!, { dtype: x!.dtype, shape: wanted }))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(wanted)}`);
    requireMode("scatterND", x!, mode);
    return { dtype: x!.dtype, shape: x!.shape };
  },
  depth: (positions) => Number(positions.at(-1)!),
  placesOf: (x, positions) =>
    Array.from({ length: countOf(positions.shape.slice(0, -1)) }, (_, row) => placeOf(x, positions, row, false)),
  columnsOf: (positions, _, builder) =>
    columns(positions, builder).map((each) => ({ positions: each, mayBeOutside: true })),
});

/**
 * x in which the element at […, positions[…,i,…], …] along `axis` takes updates[…,i,…]: "set", "add", "max" or "min".
 *
 * Updates arrive in row-major order, so that of several "set"s the last stays; positions (integers, not u64) outside take nothing.
 * x: any dtype, bool only with "set"; positions and updates: one shape, which is nowhere but along `axis` greater than x's.
 * PyTorch's `scatter` and `scatter_reduce`. Error of "add": one ulp of Σ|x| per update; the others are exact.
 */
export const scatter = writing<z.infer<typeof alongAttributes>>({
  name: "scatter",
  attributes: alongAttributes,
  infer([x, positions, updates], { axis, mode }) {
    const shown = `scatter of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`;
    requirePositions(shown, positions!);
    if (updates!.dtype !== x!.dtype || !sameShape(updates!.shape, positions!.shape))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(positions!.shape)}`);
    const fits = (size: Dimension, wanted: Dimension) =>
      sameDimension(size, wanted) || (typeof size === "number" && typeof wanted === "number" && size <= wanted);
    const { shape } = positions!;
    if (shape.length !== x!.shape.length || !shape.every((size, d) => d === axis || fits(size, x!.shape[d]!)))
      throw operandError(
        "shape",
        shown,
        "positions have as many dimensions, none but that one greater than the tensor's",
      );
    requireMode("scatter", x!, mode);
    return { dtype: x!.dtype, shape: staticShape(x!.shape) };
  },
  depth: ({ length }) => length,
  placesOf: (x, positions, { axis }) =>
    Array.from(positions.data as ArrayLike<number | bigint>, (given, at) => {
      const position = Number(given);
      if (position < 0 || position >= x.shape[axis]!) return undefined;
      return ravel(unravel(at, positions.shape).with(axis, position), x.shape);
    }),
  columnsOf(positions, { axis }, builder) {
    const shape = staticShape(positions.type.shape);
    return shape.map((_, d) =>
      d === axis
        ? { positions: builder.apply(cast, [positions], { dtype: "i64" }), mayBeOutside: true }
        : { positions: builder.apply(iota, [], { dtype: "i64", shape, axis: d }), mayBeOutside: false },
    );
  },
});
