// Writing slices of a tensor at computed positions.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import type { Value } from "../graph/graph.ts";
import { countOf, type Dimension, sameType, showShape, showTensorType, type TensorType } from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { boundedAlong, hasBounds, withBehind } from "./bounded.ts";
import { cast } from "./elementwise.ts";
import { arePositions } from "./gather.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";

/** What updates make of elements. */
export const writingModes = ["set", "add", "max", "min"] as const satisfies readonly generators.ScatterMode[];
export type WritingMode = (typeof writingModes)[number];
/** The attributes of what writes along one dimension. */
export const alongAttributes = z.strictObject({ axis: axisAttribute(), mode: z.enum(writingModes) });

/** Refuses positions that are no integers, or do not fit i64. */
export function requirePositions(shown: string, positions: TensorType): void {
  if (!arePositions(positions)) throw operandError("shape", shown, "positions are integers (not u64)");
}

/** Refuses what is not defined on bool. */
export function requireMode(name: string, { dtype }: TensorType, mode: WritingMode): void {
  if (dtype === "bool" && mode !== "set")
    throw operandError("dtype", `${name} "${mode}" is not defined on bool`, "convert the operand with .cast()");
}

/**
 * In whose ulp the error of "add" is stated: per element Σ|x| of what is written there, once per update. `write` is the operator.
 */
export function writtenMagnitude(
  [x, positions, updates]: readonly Nd[],
  mode: WritingMode,
  result: Nd,
  places: number,
  write: (operands: readonly Nd[], into: Nd) => void,
): Float64Array {
  const data = new Float64Array(result.data.length);
  if (mode !== "add") return data;
  const absolute = (of: Nd): Nd => ({
    ...of,
    data: Float64Array.from(of.data as ArrayLike<number | bigint>, (each) => Math.abs(Number(each))),
  });
  write([absolute(x!), positions!, absolute(updates!)], { ...result, dtype: "f64", data });
  return data.map((each) => each * places);
}

/** What an update makes of an element; NaN wins where extremes are kept, and integers wrap when stored. */
const combine = <T extends number | bigint>(mode: WritingMode, old: T, update: T): T => {
  switch (mode) {
    case "set":
      return update;
    case "add":
      return ((old as number) + (update as number)) as T;
    case "max":
      return Number.isNaN(update) || old < update ? update : old;
    case "min":
      return Number.isNaN(update) || old > update ? update : old;
  }
};

/**
 * x in which the slice at positions[p] along `axis` takes updates[…,p,…]: "set", "add", "max" or "min".
 *
 * Updates arrive in row-major order of `positions` (integers, not u64), so that of several "set"s the last stays; positions
 * outside take nothing. x: any dtype, bool only with "set"; updates: x's shape with `axis` replaced by that of the positions.
 * Error of "add": one ulp of Σ|x| per update; the others are exact.
 */
export const indexPut: Operator<z.infer<typeof alongAttributes>> = operator({
  name: "indexPut",
  attributes: alongAttributes,
  errorUlp: 1,
  infer([x, positions, updates], { axis, mode }) {
    const shown = `indexPut of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`;
    requirePositions(shown, positions!);
    const wanted: Dimension[] = [...x!.shape.slice(0, axis), ...positions!.shape, ...x!.shape.slice(axis + 1)];
    if (!sameType(updates!, { dtype: x!.dtype, shape: wanted }))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(wanted)}`);
    requireMode("indexPut", x!, mode);
    return x!;
  },
  evaluate([x, positions, updates], { axis, mode }, { data, dtype }) {
    const size = x!.shape[axis]!;
    const inner = countOf(x!.shape.slice(axis + 1));
    const count = positions!.data.length;
    // Sums of float32 in float64, like every meaning.
    const sums = dtype === "f32" ? new Float64Array(data.length) : data;
    for (let i = 0; i < sums.length; i++) sums[i] = x!.data[i]!;
    for (let i = 0; i < updates!.data.length; i++) {
      const position = Number(positions!.data[Math.floor(i / inner) % count]!);
      if (position < 0 || position >= size) continue;
      const to = (Math.floor(i / (inner * count)) * size + position) * inner + (i % inner);
      sums[to] = combine(mode, sums[to]!, updates!.data[i]!);
    }
    for (let i = 0; i < data.length; i++) data[i] = sums[i]!;
  },
  magnitude: (operands, attributes, result) =>
    writtenMagnitude(operands, attributes.mode, result, operands[1]!.data.length, (absolute, into) =>
      indexPut.evaluate(absolute, attributes, into),
    ),
  bounded: ([x, positions], { axis, mode }) => {
    if (boundedAlong(x!, [axis])) return undefined;
    if (!hasBounds(positions!) || !positions!.dtype.startsWith("u")) return withBehind(undefined, -1);
    // No unsigned number lies outside of every tensor.
    const decompose = ([to, at, updates]: readonly Value[], builder: Builder): Value =>
      builder.apply(indexPut, [to!, builder.apply(cast, [at!], { dtype: "i64" }), updates!], { axis, mode });
    return { kind: "others", decompose };
  },
  lowering: {
    kind: "kernel",
    inMemory: [],
    readsBack: true,
    build: ({ name, buffers, operands, destination, target }, { axis, mode }) =>
      generators.scatterKernel(
        name,
        buffers,
        operands as unknown as readonly [generators.Source, generators.Source, generators.Source],
        axis,
        mode,
        destination,
        target,
      ),
  },
});
