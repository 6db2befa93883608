// Axes of operands as ONNX counts them, and shapes that are made of sizes with a rule.
import type { Tensor } from "../../../capture/tensor.ts";
import { countOf } from "../../../graph/tensor-type.ts";
import { modelError } from "../import-error.ts";

/** An axis counted from the start. Throws `import/model` for one outside. */
export function axisOf(axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(at) && at >= 0 && at < rank) return at;
  throw modelError(`axis ${axis} is outside of ${rank} dimensions`);
}

/** Axes counted from the start. */
export const axesOf = (axes: readonly number[], rank: number): number[] => axes.map((each) => axisOf(each, rank));

/** [what is before the axis, what is from it on]. */
export function asMatrix(x: Tensor, axis: number): Tensor {
  const { shape } = x;
  // Behind the last dimension there is nothing, which is a size of 1.
  const at = axis === shape.length ? axis : axisOf(axis, shape.length);
  return x.reshape([countOf(shape.slice(0, at)), countOf(shape.slice(at))]);
}

/** x with the dimension `from` at `to`, and the others in their order. */
export function withAxisAt(x: Tensor, from: number, to: number): Tensor {
  if (from === to) return x;
  const others = allAxes(x.shape.length).filter((d) => d !== from);
  return x.permute(others.toSpliced(to, 0, from));
}

/** Every dimension from the first to the last. */
export const allAxes = (rank: number): number[] => Array.from({ length: rank }, (_, d) => d);
