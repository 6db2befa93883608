// Writing slices and elements of a tensor at computed positions.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
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
} from "../graph/tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { boundedAlong, hasBounds, withBehind } from "./bounded.ts";
import { add, cast, greaterEqual, kindOf, less, logicalAnd, mul, where } from "./elementwise.ts";
import { ravel, unravel } from "./indexing.ts";
import { type Builder, type Nd, type Operator, operandError, operator } from "./operator.ts";
import { iota, reshape } from "./structure.ts";

const modes = ["set", "add", "max", "min"] as const satisfies readonly generators.ScatterMode[];
const attributes = z.strictObject({ axis: axisAttribute(), mode: z.enum(modes) });

/** What an update makes of an element; NaN wins where extremes are kept, and integers wrap when stored. */
const combine = <T extends number | bigint>(mode: (typeof modes)[number], old: T, update: T): T => {
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
export const indexPut: Operator<z.infer<typeof attributes>> = operator({
  name: "indexPut",
  attributes,
  errorUlp: 1,
  infer([x, positions, updates], { axis, mode }) {
    const shown = `indexPut of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`;
    if (kindOf(positions!.dtype) !== "integer" || positions!.dtype === "u64")
      throw operandError("shape", shown, "positions are integers (not u64)");
    const wanted: Dimension[] = [...x!.shape.slice(0, axis), ...positions!.shape, ...x!.shape.slice(axis + 1)];
    if (!sameType(updates!, { dtype: x!.dtype, shape: wanted }))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(wanted)}`);
    if (x!.dtype === "bool" && mode !== "set")
      throw operandError("dtype", `indexPut "${mode}" is not defined on bool`, "convert the operand with .cast()");
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
  magnitude([x, positions, updates], { axis, mode }, result) {
    if (mode !== "add") return new Float64Array(result.data.length);
    const absolute = (values: ArrayLike<number | bigint>) =>
      Float64Array.from({ length: values.length }, (_, i) => Math.abs(Number(values[i]!)));
    const data = new Float64Array(result.data.length);
    indexPut.evaluate(
      [{ ...x!, data: absolute(x!.data) }, positions!, { ...updates!, data: absolute(updates!.data) }],
      { axis, mode },
      { ...result, dtype: "f64", data },
    );
    return data.map((each) => each * positions!.data.length);
  },
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

/** The row-major place in x of each element that is written, −1 where its position lies outside. */
function placesOf(x: Nd, positions: Nd, axis: number): BigInt64Array<ArrayBuffer> {
  return BigInt64Array.from(positions.data as ArrayLike<number | bigint>, (given, i) => {
    const position = Number(given);
    if (position < 0 || position >= x.shape[axis]!) return -1n;
    return BigInt(ravel(unravel(i, positions.shape).with(axis, position), x.shape));
  });
}

/**
 * x in which the element at […, positions[…,i,…], …] along `axis` takes updates[…,i,…]: "set", "add", "max" or "min".
 *
 * Updates arrive in row-major order, so that of several "set"s the last stays; positions (integers, not u64) outside take nothing.
 * x: any dtype, bool only with "set"; positions and updates: one shape, which is nowhere but along `axis` greater than x's.
 * PyTorch's `scatter` and `scatter_reduce`. Error of "add": one ulp of Σ|x| per update; the others are exact.
 */
export const scatter: Operator<z.infer<typeof attributes>> = operator({
  name: "scatter",
  attributes,
  errorUlp: 1,
  infer([x, positions, updates], { axis, mode }) {
    const shown = `scatter of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`;
    if (kindOf(positions!.dtype) !== "integer" || positions!.dtype === "u64")
      throw operandError("shape", shown, "positions are integers (not u64)");
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
    if (x!.dtype === "bool" && mode !== "set")
      throw operandError("dtype", `scatter "${mode}" is not defined on bool`, "convert the operand with .cast()");
    return { dtype: x!.dtype, shape: staticShape(x!.shape) };
  },
  evaluate([x, positions, updates], { axis, mode }, result) {
    const [from, to] = [countOf(positions!.shape), countOf(x!.shape)];
    indexPut.evaluate(
      [
        { ...x!, shape: [to] },
        { dtype: "i64", shape: [from], data: placesOf(x!, positions!, axis) },
        { ...updates!, shape: [from] },
      ],
      { axis: 0, mode },
      { ...result, shape: [to] },
    );
  },
  magnitude([x, positions, updates], { axis, mode }, result) {
    if (mode !== "add") return new Float64Array(result.data.length);
    const absolute = (of: Nd): Nd => ({ ...of, data: Float64Array.from(of.data as ArrayLike<number>, Math.abs) });
    const data = new Float64Array(result.data.length);
    scatter.evaluate([absolute(x!), positions!, absolute(updates!)], { axis, mode }, { ...result, dtype: "f64", data });
    return data.map((each) => each * positions!.data.length);
  },
  lowering: {
    kind: "composite",
    decompose([x, positions, updates], { axis, mode }, builder) {
      const shape = staticShape(x!.type.shape);
      const written = staticShape(positions!.type.shape);
      const number = (value: number): Value => builder.constant({ dtype: "i64", shape: [] }, arrayFrom("i64", [value]));
      const at = builder.apply(cast, [positions!], { dtype: "i64" });
      const inside = builder.apply(logicalAnd, [
        builder.apply(greaterEqual, [at, number(0)]),
        builder.apply(less, [at, number(shape[axis]!)]),
      ]);
      const strides = generators.rowMajor(shape);
      const places = written
        .map((_, d) => (d === axis ? at : builder.apply(iota, [], { dtype: "i64", shape: written, axis: d })))
        .map((index, d) => builder.apply(mul, [index, number(strides[d]!)]))
        .reduce((a, b) => builder.apply(add, [a, b]));
      const flat = (value: Value): Value =>
        builder.apply(reshape, [value], { shape: [countOf(staticShape(value.type.shape))] });
      const operands = [flat(x!), flat(builder.apply(where, [inside, places, number(-1)])), flat(updates!)];
      return builder.apply(reshape, [builder.apply(indexPut, operands, { axis: 0, mode })], { shape });
    },
  },
});
