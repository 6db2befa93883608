// Faults of a step: what only a run can find wrong.
import { currentRecorder } from "../../../capture/recorder.ts";
import type { Tensor } from "../../../capture/tensor.ts";
import { controlOperators } from "../../../operators/index.ts";

/** Makes a fault of the step, in these words, where a condition is true. */
export function fault(where: Tensor<"bool">, message: string): void {
  const attributes = { atMost: 0, dimension: "", fault: message };
  currentRecorder().results(controlOperators.limit, [where.cast("i64").value], { attributes, regions: [] });
}
