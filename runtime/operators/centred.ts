// What is left of a tensor when its means are taken away: the part that norms and variances have in common.
import type { Value } from "../graph/graph.ts";
import { mean } from "./composite.ts";
import { sub } from "./elementwise.ts";
import type { Builder } from "./operator.ts";

/**
 * x less its mean over `axes`, twice: what rounding leaves of the first mean is taken away by the mean of the rest, so that equal
 * elements give 0, and the error does not grow with the size of the mean.
 */
export function centred(x: Value, axes: readonly number[], builder: Builder): Value {
  const once = (of: Value): Value => builder.apply(sub, [of, builder.apply(mean, [of], { axes, keepDims: true })]);
  return once(once(x));
}

/** The error of an element of `centred`, in ulp of 1: of its distance from the mean, where distances and elements have such means. */
export function centredError(
  distance: number,
  distances: number,
  sizes: number,
  count: number,
  precision: number,
): number {
  const first = (count + 2) * sizes * precision;
  return (count + 2) * (distances + first) + 2 * (distance + first);
}
