// ONNX's operators whose results have as many elements as the values say: what is chosen, distinct, or not suppressed.
import { nonMaxSuppression } from "../../../capture/boxes.ts";
import { concat, constant, full, iota, type Tensor, where } from "../../../capture/tensor.ts";
import type { Call, Definitions } from "../call.ts";
import { unsupported } from "../import-error.ts";
import { elementsOf } from "../known-values.ts";
import { axisOf, withAxisAt } from "./axes.ts";
import { padBool } from "./shapes.ts";

/** The greatest number of elements of a result, where the user gives one. */
function boundOf(call: Call, at = 0): { readonly atMost?: number } {
  const atMost = call.surroundings.bound(call.outputs[at]);
  return atMost === undefined ? {} : { atMost };
}

/** The slices that a mask chooses, of a shorter mask those that it names; of elements in a line without an axis. */
function compress(call: Call): Tensor {
  const isFlat = call.attribute("axis") === undefined;
  const given = call.tensor(0);
  const x = isFlat ? given.flatten() : given;
  const axis = isFlat ? 0 : axisOf(call.int("axis"), x.shape.length);
  const mask = call.tensor(1) as Tensor<"bool">;
  const missing = x.shape[axis]! - mask.shape[0]!;
  const whole = missing > 0 ? padBool(mask, [0], [missing], 0) : mask.slice([0, x.shape[axis]!]);
  return x.compress(whole as Tensor<"bool">, axis, boundOf(call)).values;
}

function nonZero(call: Call): Tensor {
  return call.tensor(0).nonzero(boundOf(call)).indices.permute();
}

/** Slices along a dimension as rows of a matrix. */
function rowsOf(x: Tensor, axis: number): Tensor {
  return withAxisAt(x, axis, 0).reshape([x.shape[axis]!, -1]);
}

/** Of all pairs of rows whether they are equal, and whether the first comes before the second, number by number. */
function compared(rows: Tensor): { readonly equal: Tensor<"bool">; readonly less: Tensor<"bool"> } {
  const [m, k] = rows.shape as [number, number];
  const [left, right] = [rows.reshape([m, 1, k]), rows.reshape([1, m, k])];
  const differs = left.notEqual(right);
  // Where the first difference is: bools have no order of their own.
  const first = differs.cast("i32").argmax(2).unsqueeze(2);
  const less = left.less(right).gather(2, first).squeeze(2) as Tensor<"bool">;
  const equal = differs.any([2]).not();
  return { equal, less: less.and(equal.not()) };
}

/**
 * What is distinct along a dimension, or of all elements; where each is first; which each element is; and how often each is.
 *
 * All pairs of slices are compared, so that this is for short dimensions.
 */
function unique(call: Call): Tensor[] {
  const isFlat = call.attribute("axis") === undefined;
  const given = call.tensor(0);
  const x = isFlat ? given.flatten() : given;
  const axis = isFlat ? 0 : axisOf(call.int("axis"), x.shape.length);
  const m = x.shape[axis]!;
  const positions = iota("i64", [m]);
  const { equal, less } = compared(rowsOf(x.dtype === "bool" ? x.cast("u8") : x, axis));
  const first = equal.cast("i32").argmax(1);
  const isFirst = first.equal(positions);
  // Of a slice, how many distinct ones come before it: in order, or as they first stand.
  const before = call.flag("sorted", true) ? less.permute() : first.unsqueeze(0).less(first.unsqueeze(1));
  const rank = before.and(isFirst.unsqueeze(0)).cast("i64").sum([1]);
  const count = isFirst.cast("i64").sum() as Tensor<"i64">;
  const zeros = full("i64", [m], 0) as Tensor<"i64">;
  const occurrences = zeros.scatterAdd(0, rank, full("i64", [m], 1) as Tensor<"i64">);
  const places = full("i64", [m], m)
    .scatterReduce(0, rank, positions, "amin")
    .minimum(m - 1);
  return [x.indexSelect(axis, places).truncate(count, axis), places.truncate(count), rank, occurrences.truncate(count)];
}

/** Corners of boxes that are given by two opposite ones, or by centre and extents. */
function corners(boxes: Tensor, byCentre: boolean): Tensor {
  const [a, b, c, d] = [0, 1, 2, 3].map((at) => boxes.slice([], [at, at + 1])) as [Tensor, Tensor, Tensor, Tensor];
  if (byCentre) {
    const [halfWidth, halfHeight] = [c.div(2), d.div(2)];
    return concat([a.sub(halfWidth), b.sub(halfHeight), a.add(halfWidth), b.add(halfHeight)], 1);
  }
  return concat([a.minimum(c), b.minimum(d), a.maximum(c), b.maximum(d)], 1);
}

/** [batch, class, box] of the best boxes of each class of each batch, of those that overlap the best alone. */
function suppression(call: Call): Tensor {
  const [boxes, scores] = [call.tensor(0), call.tensor(1)];
  const [batches, classes, count] = scores.shape as [number, number, number];
  const most = call.optional(2)?.reshape([]) as Tensor<"i64"> | undefined;
  const knownMost = most ? elementsOf(most) : { data: [0] };
  const limit = Math.min(count, knownMost ? Number(knownMost.data[0]) : count);
  const iouThreshold = call.optional(3)?.reshape([]);
  const known = iouThreshold ? elementsOf(iouThreshold) : { data: [0] };
  const least = call.optional(4)?.reshape([]);
  if (limit <= 0 || batches * classes * count === 0) return constant([], "i64", [0, 3]) as Tensor;
  const kept: Tensor[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const places = corners(boxes.slice([batch, batch + 1]).squeeze(0), call.flag("center_point_box"));
    for (let one = 0; one < classes; one++) {
      const own = scores.slice([batch, batch + 1], [one, one + 1]).reshape([count]);
      const found = nonMaxSuppression(places as Tensor<"f32">, own as Tensor<"f32">, {
        iouThreshold: known ? Number(known.data[0]) : iouThreshold!,
        scoreThreshold: least ?? Number.NEGATIVE_INFINITY,
        limit,
      });
      // The best come first, so that fewer of them are the first ones.
      const indices = knownMost
        ? found.indices
        : found.indices.toMaximum().truncate(found.count.minimum(most!.maximum(0)));
      const column = indices.unsqueeze(1);
      const row = (value: number): Tensor => where(column.less(0), column, constant(value, "i64") as Tensor<"i64">);
      kept.push(concat([row(batch), row(one), column], 1));
    }
  }
  const all = kept.length === 1 ? kept[0]! : concat(kept, 0);
  const bound = call.surroundings.bound(call.outputs[0]);
  if (bound !== undefined && bound < kept.length * limit)
    throw unsupported(`a bound of ${bound} boxes`, "give the operator the most boxes of each class");
  return all;
}

export const selection: Definitions = {
  Compress: compress,
  NonMaxSuppression: suppression,
  NonZero: nonZero,
  Unique: unique,
};
