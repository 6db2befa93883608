// Boxes of detectors: which of those that overlap are kept.
import { z } from "zod";
import { boundedOperators } from "../operators/index.ts";
import { type BoundOptions, mostChosen } from "./methods/bounded.ts";
import { isTensor } from "./methods/symbolic.ts";
import { operatorOptions, tensorOf, valueOfOperand } from "./options.ts";
import { currentRecorder } from "./recorder.ts";
import { Tensor, where } from "./tensor.ts";

/** Options of nonMaxSuppression. */
export interface SuppressionOptions extends BoundOptions {
  /** Of two boxes whose intersection is more than this part of their union, the worse one is left out. One number, or a tensor of one. */
  readonly iouThreshold: number | Tensor;
  /** Boxes whose score is not above it are left out. */
  readonly scoreThreshold?: number | Tensor;
  /** No more than the best so many are kept; `atMost` makes more a fault instead. */
  readonly limit?: number;
}

const oneNumber = z
  .custom<Tensor>((given) => isTensor(given) && given.type.shape.length === 0)
  .describe("a tensor of one number");
const checkSuppression = operatorOptions<SuppressionOptions>("nonMaxSuppression", () => ({
  atMost: z.int().min(1).optional(),
  iouThreshold: z.union([z.number(), oneNumber]),
  scoreThreshold: z.union([z.number(), z.literal([-Infinity, Infinity]), oneNumber]).optional(),
  limit: z.int().min(1).optional(),
}));

/**
 * The positions of boxes[n,4] (x1, y1, x2, y2) that no better box overlaps too much, best score first, and their count.
 *
 * Torchvision's `nms`: of equal scores the first box is the better one. Scores that are NaN are the worst. f32 or f64, as are
 * thresholds that are tensors.
 */
export function nonMaxSuppression<D extends "f32" | "f64">(
  boxes: Tensor<D>,
  scores: Tensor<D>,
  options: SuppressionOptions,
): { readonly indices: Tensor<"i64">; readonly count: Tensor<"i64"> } {
  checkSuppression(options);
  const { atMost, limit, iouThreshold, scoreThreshold } = options;
  tensorOf("nonMaxSuppression", scores);
  const least = isTensor(scoreThreshold) ? scoreThreshold : undefined;
  const above = least ? where(scores.greater(least as Tensor<D>), scores, -Infinity) : scores;
  const threshold = isTensor(iouThreshold) ? [iouThreshold] : [];
  const operands = [boxes, above, ...threshold].map((each) => valueOfOperand("nonMaxSuppression", each));
  const types = operands.map(({ type }) => type);
  const [n = 0] = types[0]!.shape;
  const most = mostChosen("nonMaxSuppression", types, [n], { atMost: Math.min(atMost ?? Infinity, limit ?? Infinity) });
  const dimension = currentRecorder().newDimension("nonMaxSuppression", most);
  const attributes = {
    ...(isTensor(iouThreshold) ? {} : { iouThreshold }),
    ...(scoreThreshold === undefined ? {} : { scoreThreshold: least ? -Infinity : scoreThreshold }),
    ...(limit === undefined ? {} : { limit }),
    dimension,
  };
  const [indices, count] = currentRecorder().results(boundedOperators.nonMaxSuppression, operands, { attributes });
  return { indices: new Tensor<"i64">(indices), count: new Tensor<"i64">(count!) };
}
