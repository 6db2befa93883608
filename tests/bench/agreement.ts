// Whether two programs computed the same: nothing is timed before that is known.
import type { BenchCase } from "./case.ts";
import type { Peer } from "./peer.ts";

/** Outputs that differ by more than is allowed. */
export class Disagreement extends Error {}

/** Largest difference that outputs may have, as a share of their range. */
const tolerance = 1e-4;

function differenceOf(ours: Float32Array, theirs: Float32Array): number {
  let [low, high, largest] = [Infinity, -Infinity, 0];
  for (let i = 0; i < theirs.length; i++) {
    low = Math.min(low, theirs[i]!);
    high = Math.max(high, theirs[i]!);
    largest = Math.max(largest, Math.abs(ours[i]! - theirs[i]!));
    if (Number.isNaN(ours[i]!)) return Number.NaN;
  }
  return largest / Math.max(high - low, Number.MIN_VALUE);
}

/** A step's outputs by name. */
export type Outputs = { readonly [name: string]: Float32Array };

/**
 * Compares steps on each set of inputs in turn; the largest difference found, as a share of an output's range. Throws
 * {@link Disagreement} where it is above 1e-4.
 */
export async function compareSteps(
  { graph }: BenchCase,
  steps: number,
  ours: (at: number) => Outputs,
  peer: Peer,
): Promise<number> {
  let largest = 0;
  for (let at = 0; at < steps; at++) {
    await peer.run(at);
    const outputs = ours(at);
    for (const { name } of graph.outputs) {
      const difference = differenceOf(outputs[name]!, peer.output(name));
      if (!(difference <= tolerance))
        throw new Disagreement(
          `output "${name}" differs by ${difference.toPrecision(2)} of its range; ${tolerance} is allowed`,
        );
      largest = Math.max(largest, difference);
    }
  }
  return largest;
}
