// Writing slices of a tensor at computed positions.
import { z } from "zod";
import { generators } from "../../kernels/index.ts";
import { countOf, type Dimension, sameType, showShape, showTensorType } from "../tensor-type.ts";
import { axisAttribute } from "./axis.ts";
import { kindOf } from "./elementwise.ts";
import { type Operator, operandError, operator } from "./operator.ts";

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
export const scatter: Operator<z.infer<typeof attributes>> = operator({
  name: "scatter",
  attributes,
  errorUlp: 1,
  infer([x, positions, updates], { axis, mode }) {
    const shown = `scatter of ${showTensorType(updates!)} into ${showTensorType(x!)} at ${showTensorType(positions!)} along dimension ${axis}`;
    if (kindOf(positions!.dtype) !== "integer" || positions!.dtype === "u64")
      throw operandError("shape", shown, "positions are integers (not u64)");
    const wanted: Dimension[] = [...x!.shape.slice(0, axis), ...positions!.shape, ...x!.shape.slice(axis + 1)];
    if (!sameType(updates!, { dtype: x!.dtype, shape: wanted }))
      throw operandError("shape", shown, `the updates must be ${x!.dtype}${showShape(wanted)}`);
    if (x!.dtype === "bool" && mode !== "set")
      throw operandError("dtype", `scatter "${mode}" is not defined on bool`, "convert the operand with .cast()");
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
    scatter.evaluate(
      [{ ...x!, data: absolute(x!.data) }, positions!, { ...updates!, data: absolute(updates!.data) }],
      { axis, mode },
      { ...result, dtype: "f64", data },
    );
    return data.map((each) => each * positions!.data.length);
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
